"""Whole trainings through the cupy backend, over the fake and on a GPU: NumPy's numbers.

Over the fake this proves that everything dispatches and that host and device arrays never meet.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import nnaccel as nn

from ..each_backend import CUPY
from ..fake_cupy import FAKE
from ..registered import LOSSES, OPTIMIZERS, ending

RNG = np.random.default_rng(0)
X = RNG.integers(0, 256, (203, 6, 5)).astype(np.uint8)
Y = RNG.integers(0, 3, 203)


@pytest.fixture(autouse=True, params=[FAKE, *CUPY])
def _cupy(request: pytest.FixtureRequest, caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Every test here needs one or the other, and nothing in it may take the slow way."""
    if request.param == FAKE:
        request.getfixturevalue("fake_cupy")
    elif not (info := nn.backends()["cupy"]).available:
        pytest.fail(f"cupy: {info.reason}")
    yield
    told = [record.message for record in caplog.get_records("call") if record.name == "nnaccel"]
    assert told == []


def make(loss: str = "categorical_crossentropy", optimizer: Any = "adam") -> nn.Sequential:
    model = nn.Sequential(
        [
            nn.Dense(16, "relu", penalty=nn.L1L2(1e-4, 1e-3)),
            nn.Dropout(0.2),
            nn.Dense(9, "gelu"),
            nn.LeakyReLU(0.1),
            nn.Dense(3, ending(loss)),
        ],
        seed=4,
    )
    model.compile(loss, optimizer, ["accuracy", "binary_accuracy"])
    return model


def fit(model: nn.Sequential, epochs: int = 2, rows: int = 203, **how: Any) -> dict[str, Any]:
    how = {"validation_data": (X[:40], Y[:40]), "batch_size": 32, "verbose": 0, **how}
    return dict(model.fit(X[:rows], Y[:rows], epochs=epochs, **how).history)


def assert_close(a: Any, b: Any) -> None:
    np.testing.assert_allclose(a, b, rtol=2e-4, atol=2e-6)


def assert_same_model(a: nn.Sequential, b: nn.Sequential) -> None:
    for ours, theirs in zip(a.get_weights(), b.get_weights(), strict=True):
        assert_close(ours, theirs)


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("optimizer", ["adam", "rmsprop"])
def test_fit_evaluate_and_predict_give_numpys_numbers(loss: str, optimizer: str) -> None:
    results = {}
    for name in ("numpy", "cupy"):
        with nn.use_backend(name):
            model = make(loss, optimizer)
            history = fit(model)
            assert type(model.weights).__module__ == name
            results[name] = model, history, model.evaluate(X, Y), model.predict(X)
    numpy, cupy = results["numpy"], results["cupy"]
    assert type(cupy[3]) is np.ndarray
    assert_same_model(numpy[0], cupy[0])
    assert numpy[1].keys() == cupy[1].keys()
    for key in numpy[1]:
        assert_close(cupy[1][key], numpy[1][key])
    assert_close(cupy[2], numpy[2])
    assert_close(cupy[3], numpy[3])


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_every_optimizer(name: str) -> None:
    models = []
    for backend in ("numpy", "cupy"):
        with nn.use_backend(backend):
            models.append(make(optimizer=OPTIMIZERS[name]()))
            fit(models[-1], 1)
    assert_same_model(*models)


def test_weights_of_rows() -> None:
    weights = RNG.uniform(0, 2, 203)
    results = []
    for name in ("numpy", "cupy"):
        with nn.use_backend(name) as backend:
            model, given = make(), backend.asarray(weights)
            history = fit(model, sample_weight=given, validation_data=(X, Y, given))
            results.append((model, history, model.evaluate(X, Y, sample_weight=given)))
    assert_same_model(results[0][0], results[1][0])
    for key, value in results[0][1].items():
        assert_close(results[1][1][key], value)
    assert_close(results[0][2], results[1][2])


def test_augmented_streams() -> None:
    batches = [(X[i : i + 64], Y[i : i + 64]) for i in range(0, 203, 64)]
    models = []
    for name in ("numpy", "cupy"):
        with nn.use_backend(name):
            models.append(make())
            how: Any = {"augment": nn.data.Augment(shift=1, flip=True), "verbose": 0}
            models[-1].fit(batches, epochs=2, **how)
    assert_same_model(*models)


def test_moving_in_the_middle_of_training_and_back() -> None:
    with nn.use_backend("numpy"):
        stays, moves = make(), make()
        fit(stays, 1)
        fit(moves, 1)
    moves.to("cupy")
    assert type(moves.weights).__module__ == "cupy"
    for model in (stays, moves):
        fit(model, 3, initial_epoch=1)
    assert_same_model(stays, moves)
    moves.to("numba")
    assert type(moves.weights) is np.ndarray
    for model in (stays, moves):
        fit(model, 4, initial_epoch=3)
    assert_same_model(stays, moves)
    assert_close(moves.predict(X), stays.predict(X))


def test_a_saved_model_loads_on_the_other_side(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    with nn.use_backend("cupy"):
        model = make()
        fit(model, 1)
        model.save(path)
    with nn.use_backend("numpy"):
        loaded = nn.load(path)
        assert type(loaded.weights) is np.ndarray
        fit(loaded, 2, initial_epoch=1)
    fit(model, 2, initial_epoch=1)
    assert_same_model(model, loaded)
    with nn.use_backend("cupy"):
        assert type(nn.load(path).weights).__module__ == "cupy"


def test_resuming_from_a_checkpoint(tmp_path: Path) -> None:
    path = tmp_path / "training.safetensors"
    with nn.use_backend("cupy"):
        whole, first, second = make(), make(), make()
        fit(whole, 3)
        fit(first, 2, checkpoint=path)
        fit(second, 3, checkpoint=path, resume=True)
    for ours, theirs in zip(whole.get_weights(), second.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_callbacks_that_keep_weights() -> None:
    results = []
    for name in ("numpy", "cupy"):
        with nn.use_backend(name):
            model = make(optimizer=nn.optim.SGD(0.5))
            stop = nn.EarlyStopping(monitor="val_loss", patience=1, restore_best_weights=True)
            fit(model, 8, callbacks=[stop])
            results.append(model)
    assert_same_model(*results)


def test_a_diverging_training_is_put_back() -> None:
    with nn.use_backend("cupy"):
        model = make("mse", nn.optim.SGD(1e6))
        model.build((6, 5))
        before = model.get_weights()
        with pytest.raises(nn.DivergenceError), np.errstate(all="ignore"):
            fit(model, 3)
        for kept, now in zip(before, model.get_weights(), strict=True):
            np.testing.assert_array_equal(kept, now)


def test_streams_of_batches_and_arrays_on_the_device() -> None:
    models = []
    for name in ("numpy", "cupy"):
        with nn.use_backend(name):
            batches = [(X[i : i + 50], Y[i : i + 50]) for i in range(0, 200, 50)]
            models.append(make())
            models[-1].fit(batches, epochs=2, verbose=0)
    assert_same_model(*models)
    with nn.use_backend("cupy"):
        on_device = sys.modules["cupy"].asarray(X)
        assert_close(models[1].predict(on_device), models[1].predict(X))
        assert_close(models[1].evaluate(on_device, Y), models[1].evaluate(X, Y))
        assert_close(nn.to_numpy(models[1](nn.asarray(X / 255))), models[1].predict(X))


class Scale(nn.Layer):
    """A layer of one's own: each input times a weight of its own."""

    def parameter_specs(self, input_shape: Any) -> Any:
        return {"s": (input_shape, nn.initializers.get("ones"))}

    def infer_shape(self, input_shape: Any) -> Any:
        return input_shape

    def forward(self, x: Any, training: bool = False, activate: bool = True) -> Any:
        def backward(dy: Any, input_gradient: bool) -> Any:
            self.grads["s"][...] = (dy * x).sum(axis=0)
            return dy * self.params["s"]

        return x * self.params["s"], backward


def test_a_layer_of_ones_own() -> None:
    models = []
    for name in ("numpy", "cupy"):
        with nn.use_backend(name):
            model = nn.Sequential([nn.Dense(8, "tanh"), Scale(), nn.Dense(3, "softmax")], seed=1)
            model.compile()
            model.fit(X, Y, epochs=2, verbose=0)
            models.append(model)
    assert_same_model(*models)


def test_feature_generator_and_gradcheck() -> None:
    with nn.use_backend("cupy"):
        model = make()
        fit(model, 1)
        assert model[:-1].predict(X).shape == (203, 9)
        double = nn.Sequential([nn.Dense(4, "tanh"), nn.Dense(3, "softmax")], dtype="float64")
        double.compile("categorical_crossentropy", "sgd")
        nn.gradcheck(double, X[:5] / 255, Y[:5])
        nn.assert_parity(model, ["numpy", "numba", "cupy"], X[:20] / 255, Y[:20])


def test_filters_run_there_and_say_what_does_not_fit() -> None:
    image = RNG.integers(0, 256, (6, 7, 4), np.uint8)
    with nn.use_backend("numpy"):
        wanted = nn.filters.apply(image, nn.filters.random_bank(5, seed=0))
    for given in (image, nn.asarray(image)):
        maps = nn.filters.apply(given, nn.filters.random_bank(5, seed=0))
        assert nn.get_namespace(maps) is nn.xp
        assert_close(nn.to_numpy(maps), wanted)
    assert_close(nn.filters.to_unit(maps), nn.filters.to_unit(wanted))
    with pytest.raises(ValueError, match=r"image contains NaN.*first at \(1, 2\)"):
        nn.filters.apply(np.where(np.arange(12).reshape(3, 4) == 6, np.nan, 0), "blur")
