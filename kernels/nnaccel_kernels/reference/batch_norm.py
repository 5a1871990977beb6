"""Batch normalisation of each channel over N, H and W.

S. Ioffe and C. Szegedy, "Batch normalization: accelerating deep network training by reducing
internal covariate shift", ICML 2015.
"""

from __future__ import annotations

import math
from typing import Any

from nnaccel_kernels.reference.namespace import namespace

__all__ = ["batch_norm", "batch_norm_backward", "batch_norm_inference"]

_PIXELS = (0, 2, 3)  # all axes but the channels


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
    """y = gamma * (x - mean) * inv_std + beta by this batch's statistics; updates the running ones.

    running = momentum * running + (1 - momentum) * batch, with the biased variance.
    """
    count = _count(x)
    _assign(mean, _sum(x) / count)
    var = _sum((x - _each(mean)) ** 2) / count
    _assign(inv_std, 1 / namespace(x).sqrt(var + eps))
    for running, batch in ((running_mean, mean), (running_var, var)):
        running *= momentum
        _assign(running, running + (1 - momentum) * batch)
    _normalise(x, gamma, beta, mean, inv_std, y)


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
    """y = gamma * (x - running_mean) * inv_std + beta, where inv_std follows from running_var."""
    inv_std[...] = 1 / namespace(x).sqrt(running_var + eps)
    _normalise(x, gamma, beta, running_mean, inv_std, y)


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
    """Gradients; unless `training`, mean and inv_std are constants. dx may be None."""
    normal = (x - _each(mean)) * _each(inv_std)
    _assign(dgamma, _sum(dy * normal))
    _assign(dbeta, _sum(dy))
    if dx is None:
        return
    dx[...] = dy
    if training:
        dx -= (_each(dbeta) + normal * _each(dgamma)) / _count(x)
    dx *= _each(gamma * inv_std)


def _sum(x: Any) -> Any:
    """Sum of each channel: in float64, for NumPy adds channels-last float32 one by one."""
    xp = namespace(x)
    return xp.sum(x, axis=_PIXELS, dtype=xp.float64)


def _assign(channels: Any, values: Any) -> None:
    """Round float64 values to the dtype of `channels`."""
    channels[...] = namespace(values).astype(values, channels.dtype)


def _normalise(x: Any, gamma: Any, beta: Any, mean: Any, inv_std: Any, y: Any) -> None:
    y[...] = (x - _each(mean)) * _each(gamma * inv_std) + _each(beta)


def _each(channels: Any) -> Any:
    """A number per channel, as an image (C, 1, 1)."""
    return channels[:, None, None]


def _count(x: Any) -> int:
    """Pixels of a channel; 1 for an empty batch, whose sums are 0."""
    pixels: int = x.shape[0] * math.prod(x.shape[2:])
    return max(1, pixels)
