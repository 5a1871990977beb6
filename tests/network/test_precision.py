"""Mixed precision: which dtype is where, and that it trains as float32 does."""

from __future__ import annotations

import copy
import sys
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import pytest

import nnaccel as nn
from nnaccel.backends import to_numpy
from nnaccel.network.precision import POLICIES, Policy, cast
from nnaccel.ops import _memory

RNG = np.random.default_rng(0)
X = RNG.integers(0, 256, (70, 9, 8)).astype(np.uint8)
Y = RNG.integers(0, 3, 70)
MIXED = {"mixed_float16": np.dtype(np.float16), "mixed_bfloat16": np.dtype(ml_dtypes.bfloat16)}
EPS = {name: float(ml_dtypes.finfo(dtype).eps) for name, dtype in MIXED.items()}


def perceptron() -> list[nn.Layer]:
    hidden = nn.Dense(20, "relu", penalty=nn.L1L2(1e-4, 1e-3))
    return [hidden, nn.Dropout(0.3), nn.Dense(8, "gelu"), nn.Dense(3, "softmax")]


def convolutions() -> list[nn.Layer]:
    ends = nn.Flatten(), nn.Dense(3, "softmax")
    begin = [nn.Conv2D(6, 3, "relu"), nn.BatchNorm(), nn.MaxPool2D(2)]
    return [*begin, nn.Conv2DTranspose(4, 2, "tanh"), nn.AvgPool2D(2), *ends]


def trained(make: Any, dtype: str, **settings: Any) -> tuple[nn.Sequential, list[float]]:
    model = nn.Sequential(make(), seed=1, dtype=dtype)
    model.compile(optimizer="adam")
    history = model.fit(X, Y, batch_size=16, verbose=0, **{"epochs": 3, **settings}).history
    return model, history["loss"]


@pytest.mark.parametrize("name", POLICIES)
def test_a_policy_by_its_name(name: str) -> None:
    policy = nn.Sequential(dtype=name).policy
    assert policy == Policy.of(name)
    assert policy.dtype == (np.float64 if name == "float64" else np.float32)
    assert f"dtype={name!r}" in repr(nn.Sequential(dtype=name))


@pytest.mark.parametrize("dtype", [np.float32, np.dtype("float64")])
def test_a_policy_by_its_dtype(dtype: Any) -> None:
    assert Policy.of(dtype).dtype == dtype


@pytest.mark.parametrize("dtype", ["mixed_float", "float16", np.float16, None, 3, int])
def test_unknown_policies(dtype: Any) -> None:
    with pytest.raises(
        ValueError, match=r"unknown dtype .*: choose one of float32, float64, mixed"
    ):
        nn.Sequential(dtype=dtype)


@pytest.mark.parametrize(
    ("dtype", "wanted"),
    [("half", ""), (np.float16, ""), ("bf16-mixed", "b"), ("bfloat16", "b"), ("16-mixed", "")],
)
def test_who_asks_for_16_bits_is_told_how(dtype: Any, wanted: str) -> None:
    with pytest.raises(ValueError, match=f"For 16 bits take 'mixed_{wanted}float16'"):
        nn.Sequential(dtype=dtype)


@pytest.mark.parametrize("make", [perceptron, convolutions])
@pytest.mark.parametrize("dtype", MIXED)
def test_training_is_that_of_float32_but_for_rounding(
    half_backend: Any, make: Any, dtype: str
) -> None:
    model, losses = trained(make, dtype)
    plain, wanted = trained(make, "float32")
    assert model.compute_dtype == MIXED[dtype]
    assert losses != wanted
    np.testing.assert_allclose(losses, wanted, 8 * EPS[dtype])
    np.testing.assert_allclose(model.evaluate(X, Y), plain.evaluate(X, Y), 8 * EPS[dtype])
    for array in (*model.get_weights(), model.predict(X)):
        assert array.dtype == np.float32
    np.testing.assert_allclose(model.predict(X).sum(axis=1), 1, 1e-6)


@pytest.mark.parametrize("dtype", MIXED)
def test_activations_and_their_gradients_have_16_bits(half_backend: Any, dtype: str) -> None:
    model, _ = trained(convolutions, dtype, epochs=1)
    seen: dict[str, list[Any]] = {}

    def watched(layer: nn.Layer) -> Any:
        forward, mine = layer.forward, seen.setdefault(layer.name, [])

        def run(x: Any, *how: Any) -> Any:
            y, backward = forward(x, *how)
            mine.extend((x.dtype, y.dtype))

            def run_back(dy: Any, wanted: bool) -> Any:
                dx = backward(dy, wanted)
                mine.extend((dy.dtype, dx.dtype))
                return dx

            return y, run_back

        return run

    for layer in model.layers:
        layer.forward = watched(layer)  # type: ignore[method-assign]
    x = half_backend.asarray(X / np.float32(255))
    y, run_back = model.forward(x, training=True)
    dx = run_back(half_backend.asarray(np.ones((70, 3), np.float32)), True)
    assert (y.dtype, dx.dtype) == (np.float32, np.float32)
    assert seen.pop(model.layers[-1].name) == 4 * [np.float32]
    assert list(seen.values()) == [4 * [MIXED[dtype]]] * (len(model.layers) - 1)
    assert all(g.dtype == np.float32 for layer in model.layers for g in layer.grads.values())


@pytest.mark.parametrize("dtype", MIXED)
def test_gradients_point_where_those_of_float32_do(half_backend: Any, dtype: str) -> None:
    gradients = []
    for name in (dtype, "float32"):
        model = nn.Sequential(convolutions(), seed=2, dtype=name)
        model.build((9, 8))
        x = half_backend.asarray(X / np.float32(255))
        y, run_back = model.forward(x, training=True, activate=False)
        run_back(half_backend.asarray(np.random.default_rng(3).normal(size=y.shape), y.dtype))
        gradients.append(to_numpy(model.gradients))
    ours, wanted = gradients
    assert np.linalg.norm(ours - wanted) < 8 * EPS[dtype] * np.linalg.norm(wanted)


@pytest.mark.parametrize("ending", [nn.LeakyReLU(0.01), nn.ELU(0.2)], ids=repr)
def test_the_last_activation_keeps_its_slope(half_backend: Any, ending: nn.Activation) -> None:
    x, results = np.float32(X.reshape(70, -1)) / 255, []
    for dtype in ("float32", "mixed_float16"):
        last = nn.Activation(ending.activation, ending.alpha)
        model = nn.Sequential([nn.Dense(5), last], seed=1, dtype=dtype)
        model.build((72,))
        y, run_back = model.forward(half_backend.asarray(x))
        dx = run_back(half_backend.asarray(np.ones((70, 5), np.float32)), True)
        results.append((to_numpy(y), to_numpy(dx)))
    for ours, wanted in zip(*reversed(results), strict=True):
        np.testing.assert_allclose(ours, wanted, 2e-3, 2e-3)


@pytest.mark.parametrize("dtype", MIXED)
def test_numba_computes_in_float32(dtype: str) -> None:
    with nn.use_backend("numba"):
        model, losses = trained(perceptron, dtype)
        _, wanted = trained(perceptron, "float32")
    assert model.compute_dtype == np.float32
    assert losses == wanted  # a factor that is a power of two rounds nothing


def test_a_model_keeps_its_precision(half_backend: Any, tmp_path: Path) -> None:
    whole, losses = trained(perceptron, "mixed_float16", epochs=4)
    path = tmp_path / "training"
    trained(perceptron, "mixed_float16", epochs=2, checkpoint=path)
    resumed, later = trained(perceptron, "mixed_float16", epochs=4, checkpoint=path, resume=True)
    assert later == losses
    whole._scale = half_backend.asarray(np.array([8.0, 3.0]))
    whole.save(tmp_path / "model")
    for kept in (nn.load(tmp_path / "model"), copy.deepcopy(whole)):
        assert to_numpy(kept._scale).tolist() == [8, 3]
    for other in (nn.load(tmp_path / "model"), copy.deepcopy(whole), resumed, whole[:]):
        assert other.policy.name == "mixed_float16"
        np.testing.assert_array_equal(other.predict(X), whole.predict(X))
    continued = [nn.load(tmp_path / "model"), copy.deepcopy(whole), whole]
    more = [m.fit(X, Y, epochs=1, verbose=0).history["loss"] for m in continued]
    assert more[0] == more[1] == more[2]


def test_another_precision_is_another_training(tmp_path: Path) -> None:
    trained(perceptron, "mixed_float16", epochs=1, checkpoint=tmp_path / "training")
    with pytest.raises(nn.CheckpointError, match="its dtype differs"):
        trained(perceptron, "float32", checkpoint=tmp_path / "training", resume=True)


@pytest.mark.parametrize("kind", [np.float32, np.float64, np.int64, np.int32, np.uint32])
def test_inputs_that_16_bits_cannot_hold(kind: Any) -> None:
    x = np.array([[1, 70_000]], kind)
    layers = [nn.Dense(2), nn.Dense(1)]
    with nn.use_backend("numpy"):
        model = nn.Sequential(layers, dtype="mixed_float16")
        with pytest.raises(ValueError, match="float16 ends at 65504"):
            model.predict(x)
        bfloat = nn.Sequential([nn.Dense(2), nn.Dense(1)], dtype="mixed_bfloat16")
        assert np.isfinite(bfloat.predict(x)).all()
    with nn.use_backend("numba"):
        model = nn.Sequential([nn.Dense(2), nn.Dense(1)], dtype="mixed_float16")
        assert np.isfinite(model.predict(x)).all()


@pytest.mark.parametrize("dtype", POLICIES)
@pytest.mark.parametrize("kind", MIXED.values(), ids=str)
def test_inputs_of_16_bits(dtype: str, kind: Any) -> None:
    model, x = nn.Sequential([nn.Dense(2)], seed=0, dtype=dtype), X.reshape(70, -1).astype(kind)
    np.testing.assert_array_equal(model.predict(x), model.predict(x.astype("float32")))


def test_a_model_that_is_all_head_rounds_nothing(half_backend: Any) -> None:
    outputs = []
    for dtype in ("float32", "mixed_bfloat16"):
        model = nn.Sequential([nn.Conv2D(3, 3, "relu"), nn.MaxPool2D(2)], seed=0, dtype=dtype)
        outputs.append(model.predict(X))
    np.testing.assert_array_equal(*outputs)


@pytest.mark.parametrize("ending", [[], [nn.Activation("linear"), nn.Flatten()]], ids=len)
def test_outputs_that_16_bits_cannot_hold(half_backend: Any, ending: list[nn.Layer]) -> None:
    layers = [nn.Dense(3), nn.Dense(1), *(type(end)(**end.config()) for end in ending)]
    model = nn.Sequential(layers, seed=0, dtype="mixed_float16")
    model.build((2,))
    model.set_weights([w + 100_001 if w.shape == (1,) else w for w in model.get_weights()])
    assert (abs(model.predict(np.zeros((4, 2))) - 100_001) < 0.1).all()


def test_bfloat16_needs_ml_dtypes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ml_dtypes", None)
    model = nn.Sequential([nn.Dense(2), nn.Dense(1)], dtype="mixed_bfloat16")
    with nn.use_backend("numpy"), pytest.raises(RuntimeError, match="pip install ml_dtypes"):
        model.predict(np.ones((1, 2)))
    with nn.use_backend("numba"):
        assert model.compute_dtype == np.float32


def test_it_is_told(half_backend: Any) -> None:
    model, _ = trained(perceptron, "mixed_float16", epochs=1)
    lines: list[str] = []
    model.summary(lines.append)
    assert (
        f"float32, activations in float16 (mixed_float16 on backend {half_backend.name})"
        in lines[0]
    )
    explained = nn.explain(model)
    assert "matmul of float16" in str(explained[0])
    assert "items in float16" in str(explained)
    last = [step for step in explained if step.layer == model.layers[-1].name]
    assert last[0].algorithm == "matmul"


@pytest.mark.parametrize("channels_last", [False, True])
def test_a_conversion_keeps_the_memory_order(half_backend: Any, channels_last: bool) -> None:
    x = _memory.empty(half_backend, (2, 3, 4, 5), np.float32, channels_last)
    x[...] = half_backend.asarray(np.arange(120, dtype=np.float32).reshape(x.shape))
    y = cast(half_backend, x, np.dtype(np.float16))
    assert (y.dtype, _memory.is_channels_last(y)) == (np.float16, channels_last)
    np.testing.assert_array_equal(to_numpy(y), to_numpy(x))


@pytest.mark.parametrize("dtype", MIXED.values(), ids=str)
def test_ops_take_16_bits_beside_parameters_of_32(half_backend: Any, dtype: Any) -> None:
    x, w, b = (half_backend.asarray(np.eye(2), "float32") for _ in range(3))
    y = nn.ops.linear(half_backend.asarray(x, dtype), w, b[0])
    assert y.dtype == dtype
    np.testing.assert_array_equal(to_numpy(y).astype(float), [[2, 0], [1, 1]])
    dx, dw, db = nn.ops.linear_backward(y, half_backend.asarray(x, dtype), w)
    assert (dx.dtype, dw.dtype, db.dtype) == (dtype, np.float32, np.float32)
    losses = nn.ops.softmax_cross_entropy(y, half_backend.asarray(np.array([0, 1])))
    assert (losses[0].dtype, losses[1].dtype) == (np.float32, dtype)
    with pytest.raises(TypeError, match="arrays of two dtypes"):
        nn.ops.linear(x, half_backend.asarray(w, dtype))
    with pytest.raises(TypeError, match="arrays of two dtypes"):
        nn.ops.linear_backward(y, x, w)


@pytest.mark.parametrize("dtype", MIXED.values(), ids=str)
def test_statistics_beside_parameters_of_16_bits_are_of_32(half_backend: Any, dtype: Any) -> None:
    """Their sum is beyond float16 though they are not."""
    x = half_backend.asarray(np.random.default_rng(0).normal(1000, 1, (300, 2, 1, 1)), dtype)
    one, nought = (half_backend.asarray(np.full(2, v), dtype) for v in (1, 0))
    y, mean, inv_std = nn.ops.batch_norm(x, one, nought, one.copy(), one.copy(), training=True)
    assert (mean.dtype, inv_std.dtype) == (np.float32, np.float32)
    np.testing.assert_allclose(to_numpy(y).astype(float).std(axis=0), 1, 0.01)
    dx, *_ = nn.ops.batch_norm_backward(y, x, one, mean, inv_std, training=True)
    assert np.isfinite(to_numpy(dx).astype(float)).all()


def test_numba_takes_no_16_bits() -> None:
    with (
        nn.use_backend("numba"),
        pytest.raises(TypeError, match="not supported by backend 'numba'"),
    ):
        nn.ops.relu(np.zeros(2, np.float16))
