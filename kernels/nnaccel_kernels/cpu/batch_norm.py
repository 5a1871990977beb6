"""Batch normalisation of each channel over N, H and W [1]_.

Sums in double precision of differences from one pixel give the variance in one pass, even if the
mean is large [2]_. Arrays are (pixels, C, 1) or (N, C, pixels), as in `channels.py`.

.. [1] S. Ioffe and C. Szegedy, "Batch normalization: accelerating deep network training by
   reducing internal covariate shift", ICML 2015.
.. [2] T. F. Chan, G. H. Golub and R. J. LeVeque, "Algorithms for computing the sample variance:
   analysis and recommendations", The American Statistician 37(3), 1983.
"""

from __future__ import annotations

import math

import numpy as np

from nnaccel_kernels.cpu.channels import repeated, run_of, sums_of, sums_of_channels
from nnaccel_kernels.cpu.copy import by_channel
from nnaccel_kernels.cpu.runtime.kernel import kernel
from nnaccel_kernels.cpu.runtime.sharing import share, threads_for
from nnaccel_kernels.cpu.windows.moments import moments, products

__all__ = [
    "batch_norm",
    "batch_norm_backward",
    "batch_norm_inference",
    "batch_norm_input_gradient",
    "batch_norm_moments",
    "batch_norm_statistics",
]


@kernel
def _origin(rank, size, x, origin):  # type: ignore[no-untyped-def]
    """The first pixel, repeated along a run."""
    for i in range(origin.size):
        origin[i] = x[0, i % x.shape[1], 0] if x.size else 0


@kernel
def _statistics(  # type: ignore[no-untyped-def]
    rank, size, sums, origin, count, hyper, running_mean, running_var, mean, inv_std
):
    eps, momentum = hyper[0], hyper[1]
    channels = mean.size
    lo, hi = share(channels, rank, size)
    firsts = sums_of_channels(sums, 0, lo, hi, channels)
    seconds = sums_of_channels(sums, 1, lo, hi, channels)
    for c in range(lo, hi):
        first, second = firsts[c - lo] / count, seconds[c - lo] / count
        middle, var = origin[c] + first, max(0.0, second - first * first)
        mean[c] = middle
        inv_std[c] = 1.0 / math.sqrt(var + eps)
        running_mean[c] = momentum * running_mean[c] + (1.0 - momentum) * middle
        running_var[c] = momentum * running_var[c] + (1.0 - momentum) * var


@kernel
def _gather_sums(rank, size, sums, count, gathered):  # type: ignore[no-untyped-def]
    channels = gathered.size // 2
    lo, hi = share(channels, rank, size)
    gathered[lo:hi] = sums_of_channels(sums, 0, lo, hi, channels)
    gathered[channels + lo : channels + hi] = sums_of_channels(sums, 1, lo, hi, channels)
    if rank == 0:
        gathered[2 * channels] = count[0]


@kernel
def _statistics_of(rank, size, sums, momentum, running_mean, running_var, mean, var):  # type: ignore[no-untyped-def]
    channels, keep = mean.size, momentum[0]
    lo, hi = share(channels, rank, size)
    count = max(1.0, sums[2 * channels])
    for c in range(lo, hi):
        first, second = sums[c] / count, sums[channels + c] / count
        middle, spread = running_mean[c] + first, max(0.0, second - first * first)
        mean[c], var[c] = middle, spread
        running_mean[c] = keep * running_mean[c] + (1.0 - keep) * middle
        running_var[c] = keep * running_var[c] + (1.0 - keep) * spread


@kernel
def _inverse(rank, size, count, inverse):  # type: ignore[no-untyped-def]
    if rank == 0:
        inverse[0] = 1.0 / max(1.0, count[0])


@kernel
def _inverse_root(rank, size, var, eps, inv_std):  # type: ignore[no-untyped-def]
    lo, hi = share(var.size, rank, size)
    for c in range(lo, hi):
        inv_std[c] = 1.0 / math.sqrt(var[c] + eps[0])


@kernel
def _affine_terms(rank, size, gamma, beta, mean, inv_std, terms):  # type: ignore[no-untyped-def]
    """Terms of y = (x - terms[0]) * terms[1] + terms[2], repeated along a run."""
    for i in range(terms.shape[1]):
        c = i % mean.size
        terms[0, i], terms[1, i], terms[2, i] = mean[c], gamma[c] * inv_std[c], beta[c]


@kernel
def _normalise(rank, size, x, terms, y):  # type: ignore[no-untyped-def]
    length = terms.shape[1]
    if x.shape[2] == 1:
        runs = (x.size + length - 1) // length
        lo, hi = share(runs, rank, size)
        source, target = x.reshape(-1), y.reshape(-1)
        middle, scale, offset = terms[0], terms[1], terms[2]
        for run in range(lo, hi):
            a, b = source[run * length : (run + 1) * length], target[run * length :]
            for i in range(a.size):
                b[i] = (a[i] - middle[i]) * scale[i] + offset[i]
    else:
        lo, hi = share(x.shape[0] * length, rank, size)
        for plane in range(lo, hi):
            n, c = plane // length, plane % length
            a, b = x[n, c], y[n, c]
            for i in range(a.size):
                b[i] = (a[i] - terms[0, c]) * terms[1, c] + terms[2, c]


@kernel
def _parameter_gradients(rank, size, sums, inv_std, dgamma, dbeta):  # type: ignore[no-untyped-def]
    channels = dbeta.size
    lo, hi = share(channels, rank, size)
    firsts = sums_of_channels(sums, 0, lo, hi, channels)
    seconds = sums_of_channels(sums, 1, lo, hi, channels)
    for c in range(lo, hi):
        dbeta[c], dgamma[c] = firsts[c - lo], seconds[c - lo] * inv_std[c]


@kernel
def _input_gradient_terms(rank, size, gamma, mean, inv_std, dgamma, dbeta, inverse_count, terms):  # type: ignore[no-untyped-def]
    """Terms of dx = (dy - terms[1] - (x - terms[0]) * terms[2]) * terms[3], along a run.

    `inverse_count` is 1 / count, or 0 if the statistics are constants.
    """
    for i in range(terms.shape[1]):
        c = i % mean.size
        terms[0, i], terms[1, i] = mean[c], dbeta[c] * inverse_count[0]
        terms[2, i], terms[3, i] = dgamma[c] * inv_std[c] * inverse_count[0], gamma[c] * inv_std[c]


@kernel
def _input_gradient(rank, size, dy, x, terms, dx):  # type: ignore[no-untyped-def]
    length = terms.shape[1]
    if x.shape[2] == 1:
        runs = (x.size + length - 1) // length
        lo, hi = share(runs, rank, size)
        gradient, source, target = dy.reshape(-1), x.reshape(-1), dx.reshape(-1)
        middle, shift, slope, scale = terms[0], terms[1], terms[2], terms[3]
        for run in range(lo, hi):
            begin = run * length
            a, g, b = source[begin : begin + length], gradient[begin:], target[begin:]
            for i in range(a.size):
                b[i] = (g[i] - shift[i] - (a[i] - middle[i]) * slope[i]) * scale[i]
    else:
        lo, hi = share(x.shape[0] * length, rank, size)
        for item in range(lo, hi):
            n, c = item // length, item % length
            a, g, b = x[n, c], dy[n, c], dx[n, c]
            for i in range(a.size):
                b[i] = (g[i] - terms[1, c] - (a[i] - terms[0, c]) * terms[2, c]) * terms[3, c]


def batch_norm(
    x: np.ndarray,
    gamma: np.ndarray,
    beta: np.ndarray,
    eps: float,
    momentum: float,
    running_mean: np.ndarray,
    running_var: np.ndarray,
    mean: np.ndarray,
    inv_std: np.ndarray,
    y: np.ndarray,
) -> None:
    """y = gamma * (x - mean) * inv_std + beta by the batch's statistics; updates the running ones.

    running = momentum * running + (1 - momentum) * batch, with the biased variance.
    """
    target, source = by_channel(y, x)
    origin, sums = np.empty(run_of(source), x.dtype), sums_of(source, 2)
    hyper, running = np.array([eps, momentum]), (running_mean, running_var)
    _origin(source, origin)
    moments(source, origin, sums, width=_width(x))
    _statistics(sums, origin, _count(source), hyper, *running, mean, inv_std)
    _normalise_by(source, gamma, beta, mean, inv_std, target)


def batch_norm_inference(
    x: np.ndarray,
    gamma: np.ndarray,
    beta: np.ndarray,
    eps: float,
    running_mean: np.ndarray,
    running_var: np.ndarray,
    inv_std: np.ndarray,
    y: np.ndarray,
) -> None:
    """y = gamma * (x - running_mean) * inv_std + beta; sets inv_std from running_var."""
    target, source = by_channel(y, x)
    _inverse_root(running_var, np.array([eps]), inv_std)
    _normalise_by(source, gamma, beta, running_mean, inv_std, target)


def batch_norm_backward(
    dy: np.ndarray,
    x: np.ndarray,
    gamma: np.ndarray,
    mean: np.ndarray,
    inv_std: np.ndarray,
    training: bool,
    dx: np.ndarray | None,
    dgamma: np.ndarray,
    dbeta: np.ndarray,
) -> None:
    """Gradients; unless `training`, mean and inv_std are constants. dx may be None."""
    *targets, source, gradient = by_channel(*(a for a in (dx, x, dy) if a is not None))
    sums = sums_of(source, 2)
    products(gradient, source, repeated(mean, run_of(source)), sums, width=_width(x))
    _parameter_gradients(sums, inv_std, dgamma, dbeta)
    for target in targets:
        inverse_count = np.array([1.0 / _count(source) if training else 0.0])
        terms = np.empty((4, run_of(source)), x.dtype)
        _input_gradient_terms(gamma, mean, inv_std, dgamma, dbeta, inverse_count, terms)
        _input_gradient(gradient, source, terms, target, width=_width(x))


def batch_norm_moments(x: np.ndarray, origin: np.ndarray, sums: np.ndarray) -> None:
    """Sums of x - origin, of its square, and the pixels of a channel, in one array."""
    (source,) = by_channel(x)
    parts = sums_of(source, 2)
    moments(source, repeated(origin, run_of(source)), parts, width=_width(x))
    _gather_sums(parts, np.array([source.shape[0] * source.shape[2]]), sums)


def batch_norm_statistics(
    sums: np.ndarray,
    momentum: float,
    running_mean: np.ndarray,
    running_var: np.ndarray,
    mean: np.ndarray,
    var: np.ndarray,
) -> None:
    """Mean and variance by `batch_norm_moments` about running_mean; updates the running ones."""
    _statistics_of(sums, np.array([momentum]), running_mean, running_var, mean, var)


def batch_norm_input_gradient(
    dy: np.ndarray,
    x: np.ndarray,
    gamma: np.ndarray,
    mean: np.ndarray,
    inv_std: np.ndarray,
    gradients: np.ndarray,
    count: np.ndarray,
    dx: np.ndarray,
) -> None:
    """dx by the gradients of gamma and beta of all the `count` pixels of a channel."""
    target, source, gradient = by_channel(dx, x, dy)
    inverse, terms = np.empty(1), np.empty((4, run_of(source)), x.dtype)
    dgamma, dbeta = gradients[: gamma.size], gradients[gamma.size :]
    _inverse(count, inverse)
    _input_gradient_terms(gamma, mean, inv_std, dgamma, dbeta, inverse, terms)
    _input_gradient(gradient, source, terms, target, width=_width(x))


def _normalise_by(
    x: np.ndarray,
    gamma: np.ndarray,
    beta: np.ndarray,
    mean: np.ndarray,
    inv_std: np.ndarray,
    y: np.ndarray,
) -> None:
    terms = np.empty((3, run_of(x)), x.dtype)
    _affine_terms(gamma, beta, mean, inv_std, terms)
    _normalise(x, terms, y, width=_width(x))


def _count(x: np.ndarray) -> int:
    """Pixels of a channel; 1 for an empty batch, whose sums are 0."""
    return max(1, int(x.shape[0] * x.shape[2]))


def _width(x: np.ndarray) -> int:
    return threads_for(x.size * 6.0)
