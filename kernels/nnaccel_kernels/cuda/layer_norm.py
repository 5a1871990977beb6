"""Layer normalisation of each row."""

from __future__ import annotations

import math
from typing import Any

from nnaccel_kernels.cuda.channels import as_pixels, sum_channels
from nnaccel_kernels.cuda.runtime.launch import scalar
from nnaccel_kernels.cuda.skeletons.channel_reduction import ChannelReduction
from nnaccel_kernels.cuda.skeletons.rows import RowKernel, row_sum

__all__ = ["layer_norm", "layer_norm_backward"]


@RowKernel
def _layer_norm(row, lane, lanes, width, shared, y, args):  # type: ignore[no-untyped-def]
    x, gamma, beta, per_feature, epsilon, mean, inv_std = args
    total = y.dtype.type(0)
    for j in range(lane, width, lanes):
        total += x[row, j]
    middle = row_sum(shared, total) * per_feature
    squares = y.dtype.type(0)
    for j in range(lane, width, lanes):
        squares += (x[row, j] - middle) * (x[row, j] - middle)
    variance = row_sum(shared, squares) * per_feature
    scale = y.dtype.type(1) / math.sqrt(variance + epsilon)
    if lane == 0 and width > 0:
        mean[row], inv_std[row] = middle, scale
    for j in range(lane, width, lanes):
        y[row, j] = (x[row, j] - middle) * scale * gamma[j] + beta[j]


@RowKernel
def _input_gradient(row, lane, lanes, width, shared, dx, args):  # type: ignore[no-untyped-def]
    dy, x, gamma, per_feature, mean, inv_std = args
    middle, scale = mean[row], inv_std[row]
    total, along = dx.dtype.type(0), dx.dtype.type(0)
    for j in range(lane, width, lanes):
        total += dy[row, j] * gamma[j]
        along += dy[row, j] * gamma[j] * ((x[row, j] - middle) * scale)
    shift = row_sum(shared, total) * per_feature
    slope = row_sum(shared, along) * per_feature
    for j in range(lane, width, lanes):
        normal = (x[row, j] - middle) * scale
        dx[row, j] = scale * (dy[row, j] * gamma[j] - shift - normal * slope)


@ChannelReduction
def _sum_of_products(c, t, n, i, j, dy, args):  # type: ignore[no-untyped-def]
    x, mean, inv_std = args
    return dy[n, c, i, j] * ((x[n, c, i, j] - mean[n]) * inv_std[n])


def layer_norm(
    x: Any, gamma: Any, beta: Any, epsilon: float, mean: Any, inv_std: Any, y: Any
) -> None:
    """y = (x - mean) * inv_std * gamma + beta, for the mean and deviation of each row."""
    numbers = scalar(1 / x.shape[1], x), scalar(epsilon, x)
    _layer_norm(y, x, gamma, beta, *numbers, mean, inv_std)


def layer_norm_backward(
    dy: Any, x: Any, gamma: Any, mean: Any, inv_std: Any, dx: Any, dgamma: Any, dbeta: Any
) -> None:
    """Gradients of sum(dy * layer_norm(x, …)); dx where it is not None."""
    sum_channels(as_pixels(dy), dbeta)
    _sum_of_products(dgamma.reshape(-1, 1), as_pixels(dy), as_pixels(x), mean, inv_std)
    if dx is not None:
        _input_gradient(dx, dy, x, gamma, scalar(1 / x.shape[1], x), mean, inv_std)
