"""Layer normalisation of each row."""

from __future__ import annotations

import math

import numpy as np

from nnaccel_kernels.cpu.runtime.kernel import kernel
from nnaccel_kernels.cpu.runtime.sharing import share, threads_for
from nnaccel_kernels.cpu.vector.runs import in_lanes, sum_in_double

__all__ = ["layer_norm", "layer_norm_backward"]

_WORK = 6.0  # floating-point operations for an element


@in_lanes
def _squares(row, middle):  # type: ignore[no-untyped-def]
    """Sum of the squares of row - middle."""
    total = 0.0
    for j in range(row.size):
        total += (row[j] - middle) * (row[j] - middle)
    return total


@in_lanes
def _along(gradient, gamma, row, middle, scale):  # type: ignore[no-untyped-def]
    """Sums of the gradient in normalised numbers, and of that times them."""
    total, along = 0.0, 0.0
    for j in range(row.size):
        g = gradient[j] * gamma[j]
        total += g
        along += g * ((row[j] - middle) * scale)
    return total, along


@kernel
def _layer_norm(rank, size, x, gamma, beta, epsilon, mean, inv_std, y):  # type: ignore[no-untyped-def]
    columns = x.shape[1]
    lo, hi = share(x.shape[0], rank, size)
    for i in range(lo, hi):
        row, out = x[i], y[i]
        middle = x.dtype.type(sum_in_double(row) / columns)
        squares = _squares(row, middle)
        scale = x.dtype.type(1.0 / math.sqrt(squares / columns + epsilon[0]))
        mean[i], inv_std[i] = middle, scale
        for j in range(row.size):
            out[j] = (row[j] - middle) * scale * gamma[j] + beta[j]


@kernel
def _input_gradient(rank, size, dy, x, gamma, mean, inv_std, dx):  # type: ignore[no-untyped-def]
    columns = x.shape[1]
    lo, hi = share(x.shape[0], rank, size)
    for i in range(lo, hi):
        row, gradient, out = x[i], dy[i], dx[i]
        middle, scale = mean[i], inv_std[i]
        total, along = _along(gradient, gamma, row, middle, scale)
        shift, slope = x.dtype.type(total / columns), x.dtype.type(along / columns)
        for j in range(row.size):
            normal = (row[j] - middle) * scale
            out[j] = scale * (gradient[j] * gamma[j] - shift - normal * slope)


@kernel
def _parameter_gradients(rank, size, dy, x, mean, inv_std, dgamma, dbeta):  # type: ignore[no-untyped-def]
    lo, hi = share(dgamma.size, rank, size)
    scales, shifts = dgamma[lo:hi], dbeta[lo:hi]
    scales[:] = 0
    shifts[:] = 0
    for i in range(x.shape[0]):
        row, gradient, middle, scale = x[i, lo:hi], dy[i, lo:hi], mean[i], inv_std[i]
        for j in range(scales.size):
            scales[j] += gradient[j] * ((row[j] - middle) * scale)
            shifts[j] += gradient[j]


def layer_norm(
    x: np.ndarray,
    gamma: np.ndarray,
    beta: np.ndarray,
    epsilon: float,
    mean: np.ndarray,
    inv_std: np.ndarray,
    y: np.ndarray,
) -> None:
    """y = (x - mean) * inv_std * gamma + beta, for the mean and deviation of each row."""
    width = threads_for(_WORK * x.size)
    _layer_norm(x, gamma, beta, np.array([epsilon]), mean, inv_std, y, width=width)


def layer_norm_backward(
    dy: np.ndarray,
    x: np.ndarray,
    gamma: np.ndarray,
    mean: np.ndarray,
    inv_std: np.ndarray,
    dx: np.ndarray | None,
    dgamma: np.ndarray,
    dbeta: np.ndarray,
) -> None:
    """Gradients of sum(dy * layer_norm(x, …)); dx may be None."""
    width = threads_for(_WORK * x.size)
    _parameter_gradients(dy, x, mean, inv_std, dgamma, dbeta, width=width)
    if dx is not None:
        _input_gradient(dy, x, gamma, mean, inv_std, dx, width=width)
