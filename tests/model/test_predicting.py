"""Predictions run what was recorded for the shape of a batch, and notice what has changed."""

from __future__ import annotations

import copy
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import nnaccel as nn
from nnaccel.backends import kernels_only
from nnaccel.model import recorded_pass
from nnaccel.ops import activation

RNG = np.random.default_rng(0)
X = RNG.normal(size=(40, 1, 8, 8)).astype("float32")
Y = np.arange(40) % 3


def model() -> nn.Sequential:
    made = nn.Sequential(
        [nn.Conv2D(4, 3, "relu"), nn.BatchNorm(), nn.Dropout(0.5), nn.Dense(3, "softmax")], seed=0
    )
    made.build((1, 8, 8))
    made.compile()
    return made


def expected(made: nn.Sequential, x: Any) -> np.ndarray:
    """Outputs by the plain backend."""
    plain = copy.deepcopy(made).to("numpy")
    return plain.predict(x)


def check(made: nn.Sequential, x: Any = X, **settings: Any) -> None:
    np.testing.assert_allclose(made.predict(x, **settings), expected(made, x), atol=1e-5)


def test_every_batch_of_a_shape_has_its_own_outputs(backend: Any) -> None:
    made = model()
    kept = [made.predict(X[i : i + 8]) for i in range(0, 40, 8)]
    np.testing.assert_array_equal(np.concatenate(kept), made.predict(X, batch_size=8))
    check(made)
    for size in (1, 7, 16, 40, 100):
        check(made, batch_size=size)


def test_training_loading_and_moving_are_noticed(backend: Any) -> None:
    made = model()
    first = made.predict(X)
    made.fit(X, Y, epochs=2, verbose=0)
    assert not np.allclose(made.predict(X), first)
    check(made)
    made.set_weights([w * 2 for w in made.get_weights()])
    check(made)
    made.to("numpy")
    check(made)
    made.to(backend.name)
    check(made)


def test_changed_settings_and_replaced_parameters_are_noticed(backend: Any) -> None:
    made = model()
    made.predict(X)
    made.layers[0].activation = "tanh"
    check_by_hand = made.predict(X)
    other = model()
    other.layers[0].activation = "tanh"
    np.testing.assert_array_equal(check_by_hand, other.predict(X))
    dense = made.layers[-1]
    dense.params["w"] = dense.params["w"] * 0
    np.testing.assert_allclose(made.predict(X), made.predict(X)[:1].repeat(40, 0), atol=1e-6)


def test_enlarged_images_between_convolutions(backend: Any) -> None:
    made = nn.Sequential([nn.Conv2D(4, 3, "relu"), nn.UpSampling2D(2), nn.Conv2D(2, 3)], seed=0)
    made.build((1, 8, 8))
    for _ in range(3):
        check(made)


def test_inputs_of_any_dtype_and_order(backend: Any) -> None:
    made = model()
    for x in (X.astype("float64"), X.transpose(0, 1, 3, 2), X.round().astype(int), X[::2], X > 0):
        check(made, x)
        check(made, x)


def test_a_layer_in_array_code_runs_as_python(backend: Any) -> None:
    class Double(nn.Layer):
        calls = 0

        def infer_shape(self, input_shape: Any) -> Any:
            return input_shape

        def forward(self, x: Any, training: bool = False, activate: bool = True) -> Any:
            Double.calls += 1
            return 2 * x, lambda dy, input_gradient=True: 2 * dy

    made = nn.Sequential([nn.Dense(3), Double(), nn.Dense(2)], seed=0)
    made.build((64,))
    before = Double.calls
    outputs = [made.predict(X) for _ in range(3)]
    assert Double.calls >= before + 3
    np.testing.assert_array_equal(outputs[0], outputs[2])


def test_outputs_that_are_the_inputs_are_copies(backend: Any) -> None:
    made = nn.Sequential([nn.Flatten()], seed=0)
    made.build((1, 8, 8))
    for _ in range(3):
        y = made.predict(X)
        y[...] = 0
    assert X.any()


def test_threads_predict_at_the_same_time(backend: Any) -> None:
    made, wrong = model(), []
    wanted = {n: expected(made, X[:n]) for n in (1, 5, 16)}

    def work(n: int) -> None:
        for _ in range(50):
            if not np.allclose(made.predict(X[:n]), wanted[n], atol=1e-5):
                wrong.append(n)

    threads = [threading.Thread(target=work, args=(n,)) for n in (1, 5, 16, 16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_a_model_is_freed(backend: Any) -> None:
    import gc
    import weakref

    made = model()
    made.predict(X)
    gone = weakref.ref(made)
    del made
    gc.collect()
    assert gone() is None


@pytest.mark.parametrize("rows", [0, 3])
def test_no_rows_are_refused_and_few_are_not(backend: Any, rows: int) -> None:
    if rows:
        check(model(), X[:rows])
    else:
        with pytest.raises(ValueError, match="nothing to train on or to predict"):
            model().predict(X[:0])


def test_a_number_is_refused(backend: Any) -> None:
    made = model()
    for _ in range(2):
        with pytest.raises(ValueError, match=r"inputs have shape \(\)"):
            made.predict(np.array(1.0))
        made.predict(X)


def test_inputs_in_the_memory_of_a_weight(backend: Any) -> None:
    made = nn.Sequential([nn.Dense(8, "relu"), nn.Dense(3)], seed=0)
    made.build((8,))
    check(made, made.layers[0].params["w"])
    check(made, X[:8, 0, 0])


def test_a_layer_put_in_the_place_of_another(backend: Any) -> None:
    made = nn.Sequential([nn.Dense(8), nn.Activation("relu"), nn.Dense(3)], seed=0)
    other = nn.Sequential([nn.Dense(8), nn.Activation("tanh"), nn.Dense(3)], seed=0)
    for each in (made, other):
        each.build((8,))
    x = X[:, 0, 0]
    made.predict(x)
    made.layers[1] = other.layers[1]
    np.testing.assert_allclose(made.predict(x), other.predict(x), atol=1e-6)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_what_is_not_finite_is_refused_however_often_the_shape_was_seen(
    backend: Any, bad: float
) -> None:
    made = model()
    for _ in range(3):
        made.predict(X)
    spoilt = X.copy()
    spoilt[7, 0, 3, 3] = bad
    with pytest.raises(ValueError, match="first in row 7"):
        made.predict(spoilt)
    check(made)


def test_inputs_unlike_trainings_are_warned_of_once_however_often_the_shape_was_seen(
    backend: Any,
) -> None:
    made = model()
    made.fit(X, Y, verbose=0)
    for _ in range(3):
        made.predict(X)
    with pytest.warns(UserWarning, match="scale them as in training"):
        made.predict(100 * X)
    made.predict(100 * X)


def test_other_strides_and_orders_of_bytes_of_a_shape_seen(backend: Any) -> None:
    made = model()
    for _ in range(3):
        made.predict(X)
    check(made, np.asfortranarray(X))
    check(made, X.astype(X.dtype.newbyteorder()))
    shifted = np.frombuffer(b"." + X.tobytes(), np.uint8)[1:].view(X.dtype).reshape(X.shape)
    check(made, shifted)


class OneOf(nn.Layer):
    """An activation by a name that is kept out of sight of `times_changed`."""

    def __init__(self, names: list[str]) -> None:
        super().__init__()
        self.names = names

    def infer_shape(self, input_shape: Any) -> Any:
        return input_shape

    @kernels_only
    def forward(self, x: Any, training: bool = False, activate: bool = True) -> Any:
        return activation.activate(self.names[0], x), lambda dy, _: dy


def test_a_layer_of_ones_own_is_asked_at_every_call(backend: Any) -> None:
    layer = OneOf(["relu"])
    made = nn.Sequential([nn.Dense(8), layer], seed=0)
    made.build((8,))
    x = X[:, 0, 0]
    made.predict(x)
    layer.names[0] = "tanh"
    check(made, x)


def test_a_list_of_parts_is_no_array() -> None:
    with pytest.raises(ValueError, match=r"inputs are rows of different shapes.*concatenate"):
        model().predict([X[:3], X[3:5]])


def test_save_is_not_export(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="export those of ONNX"):
        model().save(tmp_path / "m.onnx")
    assert not [*tmp_path.iterdir()]


def convolutions(dtype: str = "float32") -> nn.Sequential:
    """A model whose filters are packed for products, transformed and packed in groups."""
    made = nn.Sequential(
        [
            nn.Conv2D(40, 3, "relu", padding=1),
            nn.Conv2D(36, 3, "relu", padding=1),
            nn.Conv2D(24, 3, "relu", groups=2, stride=2),
            nn.Dense(3, "softmax"),
        ],
        seed=0,
        dtype=dtype,
    )
    made.build((2, 8, 8))
    return made


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_filters_changed_in_place_are_noticed(backend: Any, dtype: str) -> None:
    made = convolutions(dtype)
    x = RNG.normal(size=(3, 2, 8, 8)).astype(dtype)
    sizes = (1, 3)  # whose recordings share what they packed
    for _ in range(2):
        for n in sizes:
            check(made, x[:n])
    for layer in made.layers[:3]:
        w = layer.params["w"]
        for place in ((0, 0, 0, 0), (len(w) - 1, 0, 2, 1), (len(w) // 2, 1, 1, 1)):
            w[place] += 1
            for n in sizes:
                check(made, x[:n])
        w[...] = w[::-1].copy()
        for n in sizes[::-1]:
            check(made, x[:n])
    made.layers[1].params["w"][3, 2, 1, 0] = np.nan
    for n in sizes:
        assert np.isnan(made.predict(x[:n])).all()


def test_filters_of_two_shapes_in_the_same_memory(backend: Any) -> None:
    filters = RNG.normal(size=8 * 144).astype("float32")
    pairs = []
    for channels, taps in ((16, 3), (9, 4)):
        made = nn.Sequential([nn.Conv2D(8, taps, stride=2)], seed=0)
        made.build((channels, 12, 12))
        made.layers[0].params["w"] = filters.reshape(8, channels, taps, taps)
        pairs.append((made, RNG.normal(size=(3, channels, 12, 12)).astype("float32")))
    for _ in range(2):
        for made, x in pairs:
            np.testing.assert_allclose(made.predict(x), expected(made, x), atol=1e-4)


def test_many_rows_are_taken_in_parts(backend: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recorded_pass, "_BYTES", 1)
    made, x = convolutions(), RNG.normal(size=(101, 2, 8, 8)).astype("float32")
    wanted = expected(made, x)
    for n in (31, 32, 33, 64, 65, 101):
        for _ in range(3):
            np.testing.assert_allclose(made.predict(x[:n]), wanted[:n], atol=1e-5)
    made.layers[0].params["w"][...] *= 2
    check(made, x)
    spoilt = x.copy()
    spoilt[50, 0, 3, 3] = np.nan
    with pytest.raises(ValueError, match="first in row 50"):
        made.predict(spoilt)
    check(made, (9 * x).round().astype(int))
