"""Batch normalisation against its formulas in float64, and its gradients as derivatives."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from nnaccel.backends import to_numpy

from .images import eps, normal, orders, place, unfilled

EPSILON, MOMENTUM = 1e-3, 0.9
AXES = (0, 2, 3)

dtypes = pytest.mark.parametrize("dtype", [np.float32, np.float64])
shapes = st.tuples(st.integers(1, 3), st.sampled_from([1, 3, 18]), *[st.integers(1, 12)] * 2)
batches = given(shape=shapes, seed=st.integers(0, 2**32 - 1), last=st.tuples(orders, orders))


def each(a: np.ndarray) -> np.ndarray:
    return a.astype(np.float64)[:, None, None]


def close(got: Any, want: np.ndarray, dtype: Any) -> None:
    tolerance = 400 * eps(dtype)
    np.testing.assert_allclose(to_numpy(got), want, rtol=tolerance, atol=tolerance)


def draw(seed: int, dtype: Any, shape: tuple[int, ...]) -> list[np.ndarray]:
    """An image with another mean and scale in each channel, gamma, beta, running statistics."""
    c = shape[1]
    x, gamma, beta, mean, var = normal(seed, dtype, shape, (c,), (c,), (c,), (c,))
    rng = np.random.default_rng(seed + 1)
    shift, scale = rng.uniform(-3, 3, c), rng.uniform(0.3, 3, c)
    x = (x * each(scale) + each(shift)).astype(dtype)
    return [x, gamma, beta, mean, np.abs(var)]


@dtypes
@settings(max_examples=12)
@batches
@example((1, 3, 1, 1), 0, (False, False))
@example((2, 33, 3, 20), 0, (True, False))
def test_training(
    backend: Any, dtype: Any, shape: tuple[int, ...], seed: int, last: tuple[bool, bool]
) -> None:
    x, gamma, beta, mean, var = draw(seed, dtype, shape)
    wide = x.astype(np.float64)
    batch_mean, batch_var = wide.mean(AXES), wide.var(AXES)
    inv_std = 1 / np.sqrt(batch_var + EPSILON)
    want = each(gamma) * (wide - each(batch_mean)) * each(inv_std) + each(beta)

    y = unfilled(backend, shape, dtype, last[1])
    running = backend.asarray(mean.copy()), backend.asarray(var.copy())
    of_batch = [backend.asarray(np.full(shape[1], np.nan, dtype)) for _ in range(2)]
    scale = backend.asarray(gamma), backend.asarray(beta)
    backend.kernels.batch_norm(
        place(backend, x, last[0]), *scale, EPSILON, MOMENTUM, *running, *of_batch, y
    )
    close(y, want, dtype)
    close(of_batch[0], batch_mean, dtype)
    close(of_batch[1], inv_std, dtype)
    close(running[0], MOMENTUM * mean + (1 - MOMENTUM) * batch_mean, dtype)
    close(running[1], MOMENTUM * var + (1 - MOMENTUM) * batch_var, dtype)


@dtypes
@settings(max_examples=10)
@batches
@example((0, 3, 2, 2), 0, (False, False))
@example((2, 33, 3, 20), 0, (True, False))
def test_inference(
    backend: Any, dtype: Any, shape: tuple[int, ...], seed: int, last: tuple[bool, bool]
) -> None:
    x, gamma, beta, mean, var = draw(seed, dtype, shape)
    y = unfilled(backend, shape, dtype, last[1])
    arrays = [backend.asarray(a) for a in (gamma, beta, mean, var)]
    inv_std = backend.asarray(np.full(shape[1], np.nan, dtype))
    backend.kernels.batch_norm_inference(
        place(backend, x, last[0]), *arrays[:2], EPSILON, *arrays[2:], inv_std, y
    )
    std = np.sqrt(each(var) + EPSILON)
    close(y, each(gamma) * (x - each(mean)) / std + each(beta), dtype)
    close(inv_std, 1 / std[:, 0, 0], dtype)


def forward(x: np.ndarray, gamma: np.ndarray, mean: Any, var: Any, dy: np.ndarray) -> float:
    """sum(dy * batch_norm(x)), by given statistics or those of x."""
    mean = x.mean(AXES) if mean is None else mean
    var = x.var(AXES) if var is None else var
    return float((dy * each(gamma) * (x - each(mean)) / np.sqrt(each(var) + EPSILON)).sum())


@pytest.mark.parametrize("training", [True, False])
@settings(max_examples=12)
@batches
@example((1, 2, 1, 1), 0, (False, True))
def test_gradients_are_the_derivatives(
    backend: Any,
    training: bool,
    shape: tuple[int, ...],
    seed: int,
    last: tuple[bool, bool],
) -> None:
    """Along random directions, by central differences in float64."""
    x, gamma, _, mean, var = draw(seed, np.float64, shape)
    dy, along_x, along_gamma = normal(seed + 2, np.float64, shape, shape, shape[1:2])
    statistics = (None, None) if training else (mean, var)
    if training:
        mean, var = x.mean(AXES), x.var(AXES)
    inv_std = 1 / np.sqrt(var + EPSILON)
    dx = unfilled(backend, shape, np.float64, last[1])
    dgamma, dbeta = (backend.asarray(np.full(shape[1], np.nan)) for _ in range(2))
    backend.kernels.batch_norm_backward(
        place(backend, dy, last[0]),
        place(backend, x, last[1]),
        *map(backend.asarray, (gamma, mean, inv_std)),
        training,
        dx,
        dgamma,
        dbeta,
    )
    h = 1e-5
    for got, change in (((to_numpy(dx) * along_x).sum(), (h, 0)), (
        (to_numpy(dgamma) * along_gamma).sum(), (0, h)
    )):  # fmt: skip
        ends = [
            forward(x + s * change[0] * along_x, gamma + s * change[1] * along_gamma,
                    *statistics, dy)
            for s in (1, -1)
        ]  # fmt: skip
        size = 1 + np.abs(dy).sum() * np.abs(inv_std).max()
        assert abs(got - (ends[0] - ends[1]) / (2 * h)) <= 1e-6 * size
    np.testing.assert_allclose(to_numpy(dbeta), dy.sum(AXES), rtol=1e-11, atol=1e-11)


@dtypes
def test_what_is_not_wanted_is_left_out(backend: Any, dtype: Any) -> None:
    x, gamma, _, mean, _ = draw(3, dtype, (2, 5, 3, 4))
    dy = normal(4, dtype, x.shape)[0]
    dgamma, dbeta = (backend.asarray(np.full(5, np.nan, dtype)) for _ in range(2))
    arrays = [backend.asarray(a) for a in (dy, x, gamma, mean, np.ones(5, dtype))]
    backend.kernels.batch_norm_backward(*arrays, True, None, dgamma, dbeta)
    close(dgamma, (dy * (x - each(mean))).sum(AXES), dtype)
    close(dbeta, dy.sum(AXES, dtype=np.float64), dtype)
