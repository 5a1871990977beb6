"""Batch normalisation: its statistics, its gradients, and what it says of what does not fit."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nnaccel import ops
from nnaccel.backends import asarray, to_numpy, use_backend

from .checked import ORDERS, Checked, is_channels_last, normal

shapes = st.tuples(*[st.integers(2, 5)] * 2) | st.tuples(*[st.integers(2, 4)] * 4)


def each(a: np.ndarray, x: np.ndarray) -> np.ndarray:
    """A number per channel, to compute with x."""
    return a.reshape(-1, *[1] * (x.ndim - 2))


def constants(channels: int, dtype: str = "float64") -> list[np.ndarray]:
    """Gamma, beta, running mean and running variance."""
    made = [normal(channels, seed=seed) for seed in range(1, 4)]
    return [a.astype(dtype) for a in (*made, normal(channels, seed=4) ** 2 + 0.1)]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@given(shape=shapes)
def test_the_definition(backend: Any, dtype: str, shape: tuple[int, ...]) -> None:
    x, (gamma, beta, mean, var) = normal(*shape).astype(dtype), constants(shape[1], dtype)
    axes, tolerance = (0, *range(2, x.ndim)), 1e-4 if dtype == "float32" else 1e-11
    running = [asarray(a.copy()) for a in (mean, var)]
    y, *used = ops.batch_norm(
        *map(asarray, (x, gamma, beta)), *running, training=True, momentum=0.7, epsilon=0.01
    )
    assert y.dtype == dtype
    batch = x.mean(axes), x.var(axes)
    want = (x - each(batch[0], x)) / np.sqrt(each(batch[1], x) + 0.01)
    close: Any = {"rtol": tolerance, "atol": tolerance}
    np.testing.assert_allclose(to_numpy(y), each(gamma, x) * want + each(beta, x), **close)
    np.testing.assert_allclose(to_numpy(used[0]), batch[0], **close)
    np.testing.assert_allclose(to_numpy(used[1]), 1 / np.sqrt(batch[1] + 0.01), **close)
    for now, before, seen in zip(running, (mean, var), batch, strict=True):
        np.testing.assert_allclose(to_numpy(now), 0.7 * before + 0.3 * seen, **close)
    running = [asarray(a.copy()) for a in (mean, var)]
    y, *_ = ops.batch_norm(*map(asarray, (x, gamma, beta)), *running, epsilon=0.01)
    want = (x - each(mean, x)) / np.sqrt(each(var, x) + 0.01)
    np.testing.assert_allclose(to_numpy(y), each(gamma, x) * want + each(beta, x), **close)
    np.testing.assert_array_equal(to_numpy(running[0]), mean)
    np.testing.assert_array_equal(to_numpy(running[1]), var)


@pytest.mark.parametrize("training", [True, False])
@settings(max_examples=10)
@given(shape=shapes)
def test_gradients(backend: Any, training: bool, shape: tuple[int, ...]) -> None:
    gamma, beta, mean, var = constants(shape[1])

    def forward(x: Any, gamma: Any, beta: Any) -> Any:
        running = [asarray(a.copy()) for a in (mean, var)]
        return ops.batch_norm(x, gamma, beta, *running, training=training)

    def backward(dy: Any, x: Any, gamma: Any, beta: Any) -> Any:
        _, *used = forward(x, gamma, beta)
        return ops.batch_norm_backward(dy, x, gamma, *used, training=training)

    Checked(lambda *args: forward(*args)[0], backward).run(normal(*shape), gamma, beta)


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("order", ORDERS)
def test_every_memory_order(backend: Any, order: str, training: bool) -> None:
    x, dy = normal(2, 3, 4, 5), normal(2, 3, 4, 5, seed=1)
    gamma, beta, *running = (asarray(a) for a in constants(3))
    running = [a.copy() for a in running]
    want, *used = ops.batch_norm(asarray(x), gamma, beta, *running, training=training, momentum=1)
    plain = ops.batch_norm_backward(*map(asarray, (dy, x)), gamma, *used, training=training)
    turned, images = asarray(ORDERS[order](dy)), asarray(ORDERS[order](x))
    got, *_ = ops.batch_norm(images, gamma, beta, *running, training=training, momentum=1)
    assert is_channels_last(got) == ("channels-last" in order)
    np.testing.assert_allclose(to_numpy(got), to_numpy(want), rtol=1e-11, atol=1e-11)
    for one, other in ((images, turned), (images, asarray(dy)), (asarray(x), turned)):
        gradients = ops.batch_norm_backward(other, one, gamma, *used, training=training)
        assert is_channels_last(gradients[0]) == is_channels_last(one)
        for ours, theirs in zip(gradients, plain, strict=True):
            np.testing.assert_allclose(to_numpy(ours), to_numpy(theirs), rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("shape", [(0, 3), (0, 3, 2, 2), (1, 3)])
def test_empty_and_single_batches(backend: Any, shape: tuple[int, ...], training: bool) -> None:
    x, gamma, beta, *running = map(asarray, (normal(*shape), *constants(3)))
    y, *used = ops.batch_norm(x, gamma, beta, *running, training=training)
    dx, *rest = ops.batch_norm_backward(y, x, gamma, *used, training=training)
    assert y.shape == dx.shape == shape
    for a in (y, dx, *rest, *used, *running):
        assert np.isfinite(to_numpy(a)).all()


def test_gradients_only_where_asked_for(backend: Any) -> None:
    x, gamma, beta, *running = map(asarray, (normal(4, 3), *constants(3)))
    y, *used = ops.batch_norm(x, gamma, beta, *running, training=True)
    want = ops.batch_norm_backward(y, x, gamma, *used, training=True)
    flat = asarray(np.zeros(8))
    out = flat[1:4], flat[4:7]
    dx, *returned = ops.batch_norm_backward(
        y, x, gamma, *used, training=True, input_gradient=False, out=out
    )
    assert dx is None
    for ours, theirs, place in zip(returned, want[1:], out, strict=True):
        assert ours is place
        np.testing.assert_array_equal(to_numpy(ours), to_numpy(theirs))
    assert to_numpy(flat)[[0, 7]].tolist() == [0, 0]


@pytest.mark.parametrize("name", ["numpy", "numba"])
def test_running_statistics_that_cannot_be_written_to(name: str) -> None:
    x, (gamma, beta, *running) = normal(4, 3), constants(3)
    strided = [np.repeat(a, 2)[::2] for a in running]
    locked = [a.copy() for a in running]
    for a in locked:
        a.flags.writeable = False
    with use_backend(name):
        want, *_ = ops.batch_norm(x, gamma, beta, *running)
        for given, words in ((strided, "must be C-contiguous"), (locked, "is read-only")):
            got, *_ = ops.batch_norm(x, gamma, beta, *given)
            np.testing.assert_array_equal(got, want)
            with pytest.raises(ValueError, match=f"running_mean {words}"):
                ops.batch_norm(x, gamma, beta, *given, training=True)
    np.testing.assert_array_equal(locked[0], running[0])


def test_a_recorded_step_moves_the_running_statistics() -> None:
    x, (gamma, beta, mean, var) = normal(5, 3), constants(3)
    before = mean.copy()
    with use_backend("numba") as backend:
        settings: Any = {"training": True, "momentum": 0.5}
        replay = backend.record(lambda: ops.batch_norm(x, gamma, beta, mean, var, **settings))
        np.testing.assert_array_equal(mean, before)
        replay(2)
    np.testing.assert_allclose(mean, before / 4 + x.mean(axis=0) * 3 / 4)


x, one = np.ones((2, 3, 4, 4)), np.ones(3)


@pytest.mark.parametrize(
    ("arrays", "how", "words"),
    [
        ((x, one[:2], one, one, one), {}, r"gamma has shape \(2,\); expected \(3,\), one per"),
        ((x, one, one, one, one[:2]), {}, r"running_var has shape \(2,\)"),
        (
            (x, one, one, np.ones(3, "f4"), one),
            {"training": True},
            "running_mean has shape .* dtype float32",
        ),
        ((x[0], one, one, one, one), {}, r"expected \(N, C, H, W\) or \(N, C\)"),
        ((x[:, :, :0], one, one, one, one), {}, "its channels are empty"),
        ((x, one, one, one, one), {"momentum": 1.5}, "momentum=1.5 must lie in 0..1"),
        ((x, one, one, one, one), {"epsilon": 0}, "epsilon=0 must be above 0"),
        ((x, one, one, one, one), {"epsilon": np.nan}, "epsilon=nan"),
    ],
)
def test_errors_in_words(arrays: Any, how: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        ops.batch_norm(*arrays, **how)
    with pytest.raises(ValueError, match="they must agree"):
        ops.batch_norm_backward(x[:1], x, one, one, one)
