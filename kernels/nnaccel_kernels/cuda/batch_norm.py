"""Batch normalisation of each channel over N, H and W.

S. Ioffe and C. Szegedy, "Batch normalization: accelerating deep network training by reducing
internal covariate shift", ICML 2015.
"""

from __future__ import annotations

import math
from typing import Any

from nnaccel_kernels.cuda.channels import sum_channels
from nnaccel_kernels.cuda.runtime.launch import scalar
from nnaccel_kernels.cuda.skeletons.channel_sum import ChannelSum
from nnaccel_kernels.cuda.skeletons.channelwise import ChannelwiseKernel
from nnaccel_kernels.cuda.skeletons.elementwise import ElementwiseKernel

__all__ = ["batch_norm", "batch_norm_backward", "batch_norm_inference"]


@ChannelSum
def _sum_of_squares(x, mean):  # type: ignore[no-untyped-def]
    deviation = x - mean
    return deviation * deviation


@ChannelSum
def _sum_of_products(dy, x, mean, inv_std):  # type: ignore[no-untyped-def]
    return dy * ((x - mean) * inv_std)


@ChannelwiseKernel
def _normalise(x, gamma, beta, mean, inv_std):  # type: ignore[no-untyped-def]
    return (x - mean) * (gamma * inv_std) + beta


@ChannelwiseKernel
def _constant_statistics_backward(dy, gamma, inv_std):  # type: ignore[no-untyped-def]
    return dy * (gamma * inv_std)


@ChannelwiseKernel
def _batch_statistics_backward(  # type: ignore[no-untyped-def]
    dy, x, gamma, mean, inv_std, dgamma, dbeta, per_pixel
):
    normalised = (x - mean) * inv_std
    common = (dbeta + normalised * dgamma) * per_pixel
    return (dy - common) * (gamma * inv_std)


@ElementwiseKernel
def _scaled(values, factor):  # type: ignore[no-untyped-def]
    return values * factor


@ElementwiseKernel
def _inverse_std(var, factor, eps, one):  # type: ignore[no-untyped-def]
    return one / math.sqrt(var * factor + eps)


@ElementwiseKernel
def _updated(running, batch, keep, factor):  # type: ignore[no-untyped-def]
    return running * keep + batch * factor


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
    _scaled((mean,), (mean,), scalar(share, x))
    _sum_of_squares(inv_std, (x,), (mean,))
    _update(running_mean, mean, momentum, rest)
    _update(running_var, inv_std, momentum, rest * share)
    _invert(inv_std, share, eps, inv_std)
    _normalise(y, (x,), (gamma, beta, mean, inv_std))


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
    _invert(running_var, 1, eps, inv_std)
    _normalise(y, (x,), (gamma, beta, running_mean, inv_std))


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
    _sum_of_products(dgamma, (dy, x), (mean, inv_std))
    if dx is None:
        return
    if training:
        vectors, share = (gamma, mean, inv_std, dgamma, dbeta), scalar(1 / _count(x), x)
        _batch_statistics_backward(dx, (dy, x), vectors, share)
    else:
        _constant_statistics_backward(dx, (dy,), (gamma, inv_std))


def _update(running: Any, batch: Any, keep: float, factor: float) -> None:
    """running = keep * running + factor * batch."""
    _updated((running,), (running, batch), scalar(keep, batch), scalar(factor, batch))


def _invert(var: Any, factor: float, eps: float, inv_std: Any) -> None:
    """inv_std = 1 / sqrt(factor * var + eps)."""
    numbers = (scalar(number, var) for number in (factor, eps, 1))
    _inverse_std((inv_std,), (var,), *numbers)


def _count(x: Any) -> int:
    """Pixels of a channel over the batch, at least 1."""
    n, _, height, width = x.shape
    count: int = n * height * width
    return max(1, count)
