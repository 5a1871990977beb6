"""Batch normalisation of each channel over N, H and W.

S. Ioffe and C. Szegedy, "Batch normalization: accelerating deep network training by reducing
internal covariate shift", ICML 2015.
"""

from __future__ import annotations

import math
from typing import Any

from nnaccel_kernels.cuda.channels import sum_channels
from nnaccel_kernels.cuda.runtime.launch import scalar
from nnaccel_kernels.cuda.skeletons.channel_reduction import ChannelReduction
from nnaccel_kernels.cuda.skeletons.image import PixelKernel, UnrolledPixelKernel

__all__ = ["batch_norm", "batch_norm_backward", "batch_norm_inference"]


@ChannelReduction
def _sum_of_squares(c, t, n, i, j, x, args):  # type: ignore[no-untyped-def]
    deviation = x[n, c, i, j] - args[0][c]
    return deviation * deviation


@ChannelReduction
def _sum_of_products(c, t, n, i, j, dy, args):  # type: ignore[no-untyped-def]
    x, mean, inv_std = args
    return dy[n, c, i, j] * ((x[n, c, i, j] - mean[c]) * inv_std[c])


@UnrolledPixelKernel
def _normalise(n, c, i, j, args):  # type: ignore[no-untyped-def]
    x, gamma, beta, mean, inv_std = args
    return (x[n, c, i, j] - mean[c]) * (gamma[c] * inv_std[c]) + beta[c]


@UnrolledPixelKernel
def _constant_statistics_backward(n, c, i, j, args):  # type: ignore[no-untyped-def]
    dy, gamma, inv_std = args
    return dy[n, c, i, j] * (gamma[c] * inv_std[c])


@UnrolledPixelKernel
def _batch_statistics_backward(n, c, i, j, args):  # type: ignore[no-untyped-def]
    dy, x, gamma, mean, inv_std, dgamma, dbeta, per_pixel = args
    normalised = (x[n, c, i, j] - mean[c]) * inv_std[c]
    common = (dbeta[c] + normalised * dgamma[c]) * per_pixel
    return (dy[n, c, i, j] - common) * (gamma[c] * inv_std[c])


@PixelKernel
def _scaled(n, c, i, j, args):  # type: ignore[no-untyped-def]
    values, factor = args
    return values[c] * factor


@PixelKernel
def _inverse_std(n, c, i, j, args):  # type: ignore[no-untyped-def]
    var, factor, eps = args
    return var.dtype.type(1) / math.sqrt(var[c] * factor + eps)


@PixelKernel
def _updated(n, c, i, j, args):  # type: ignore[no-untyped-def]
    running, keep, batch, factor = args
    return running[c] * keep + batch[c] * factor


def batch_norm(
    x: Any,
    gamma: Any,
    beta: Any,
    eps: float,
    momentum: float,
    running_mean: Any,
    running_var: Any,
    mean: Any,
    inv_std: Any,
    y: Any,
) -> None:
    """y = gamma * (x - mean) * inv_std + beta, with the statistics of this batch.

    The running statistics follow: running = momentum * running + (1 - momentum) * batch, with the
    biased variance.
    """
    share, rest = 1 / _count(x), 1 - momentum
    sum_channels(x, mean)
    _scaled(_image(mean), mean, scalar(share, x))
    _sum_of_squares(inv_std.reshape(-1, 1), x, mean)
    keep = scalar(momentum, x)
    _updated(_image(running_mean), running_mean, keep, mean, scalar(rest, x))
    _updated(_image(running_var), running_var, keep, inv_std, scalar(rest * share, x))
    _inverse_std(_image(inv_std), inv_std, scalar(share, x), scalar(eps, x))
    _normalise(y, x, gamma, beta, mean, inv_std)


def batch_norm_inference(
    x: Any,
    gamma: Any,
    beta: Any,
    eps: float,
    running_mean: Any,
    running_var: Any,
    inv_std: Any,
    y: Any,
) -> None:
    """y = gamma * (x - running_mean) * inv_std + beta; inv_std = 1 / sqrt(running_var + eps)."""
    _inverse_std(_image(inv_std), running_var, scalar(1, x), scalar(eps, x))
    _normalise(y, x, gamma, beta, running_mean, inv_std)


def batch_norm_backward(
    dy: Any,
    x: Any,
    gamma: Any,
    mean: Any,
    inv_std: Any,
    training: bool,
    dx: Any,
    dgamma: Any,
    dbeta: Any,
) -> None:
    """Gradients; mean and inv_std are constants unless `training`. dx may be None."""
    sum_channels(dy, dbeta)
    _sum_of_products(dgamma.reshape(-1, 1), dy, x, mean, inv_std)
    if dx is None:
        return
    if training:
        share = scalar(1 / _count(x), x)
        _batch_statistics_backward(dx, dy, x, gamma, mean, inv_std, dgamma, dbeta, share)
    else:
        _constant_statistics_backward(dx, dy, gamma, inv_std)


def _image(values: Any) -> Any:
    """Values (C,) as an image (1, C, 1, 1)."""
    return values.reshape(1, -1, 1, 1)


def _count(x: Any) -> int:
    """Pixels of a channel over the batch, at least 1."""
    n, _, height, width = x.shape
    count: int = n * height * width
    return max(1, count)
