"""Batch normalisation of each channel over N, H and W.

S. Ioffe and C. Szegedy, "Batch normalization: accelerating deep network training by reducing
internal covariate shift", ICML 2015.
"""

from __future__ import annotations

import math
from typing import Any

from nnaccel_kernels.reference.namespace import namespace, widest

__all__ = [
    "batch_norm",
    "batch_norm_backward",
    "batch_norm_inference",
    "batch_norm_input_gradient",
    "batch_norm_moments",
    "batch_norm_statistics",
]

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


def batch_norm_moments(x: Any, origin: Any, sums: Any) -> None:
    """Sums (2C + 1,) that add up over parts of a batch, in their precision.

    For each channel those of x - origin, then those of its square, then the pixels of a channel.
    """
    channels, xp = x.shape[1], namespace(x)
    distance = xp.astype(x - _each(origin), sums.dtype)  # the mean's square is to be taken off
    sums[:channels] = _sum(distance)
    sums[channels:-1] = _sum(distance**2)
    sums[-1:] = math.prod(x.shape) // channels


def batch_norm_statistics(
    sums: Any, momentum: float, running_mean: Any, running_var: Any, mean: Any, var: Any
) -> None:
    """Mean and variance by `batch_norm_moments` about running_mean; updates the running ones."""
    count = namespace(sums).clip(sums[-1:], 1, None)
    channels = mean.shape[0]
    first, second = sums[:channels] / count, sums[channels:-1] / count
    _assign(mean, running_mean + first)
    _assign(var, namespace(sums).clip(second - first**2, 0, None))
    for running, batch in ((running_mean, mean), (running_var, var)):
        running *= momentum
        _assign(running, running + (1 - momentum) * batch)


def batch_norm_input_gradient(
    dy: Any, x: Any, gamma: Any, mean: Any, inv_std: Any, gradients: Any, count: Any, dx: Any
) -> None:
    """dx by the gradients of gamma and beta, (2C,), of all the `count` pixels of a channel."""
    normal, channels = (x - _each(mean)) * _each(inv_std), gamma.shape[0]
    shares = gradients / namespace(gradients).astype(count, gradients.dtype)
    dgamma, dbeta = shares[:channels], shares[channels:]
    dx[...] = dy - (_each(dbeta) + normal * _each(dgamma))
    dx *= _each(gamma * inv_std)


def _sum(x: Any) -> Any:
    """Sum of each channel, in the widest floats: NumPy adds channels-last float32 one by one."""
    return namespace(x).sum(x, axis=_PIXELS, dtype=widest(x))


def _assign(channels: Any, values: Any) -> None:
    """Round values to the dtype of `channels`."""
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
