"""Batch normalisation by the statistics of the rows of all ranks.

Each rank sums over its rows, and the sums are added over the ranks: once forward, once backward.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from nnaccel.backends import Array, backend_of
from nnaccel.ops import _memory
from nnaccel.ops.norm import _as_images
from nnaccel_kernels.half import wide

SumOverRanks = Callable[[Array], None]  # in place, now or as a row of a tape


def batch_norm(
    x: Array,
    gamma: Array,
    beta: Array,
    running_mean: Array,
    running_var: Array,
    momentum: float,
    epsilon: float,
    sum_over_ranks: SumOverRanks,
) -> tuple[Array, Array, Array, Array]:
    """Return y, mean and inverse deviation (C,), and the count (1,) of pixels of a channel.

    As `ops.batch_norm` in training, of arrays that were checked. N may be 0.
    """
    backend, (channels,) = backend_of(x), gamma.shape
    y, sums = _memory.empty_like(backend, x), backend.empty(2 * channels + 1, np.float64)
    mean, var, inv_std = (backend.empty(channels, wide(gamma.dtype)) for _ in range(3))
    backend.kernels.batch_norm_moments(_as_images(x), running_mean, sums)
    sum_over_ranks(sums)
    backend.kernels.batch_norm_statistics(sums, momentum, running_mean, running_var, mean, var)
    images = _as_images(x), gamma, beta, epsilon, mean, var, inv_std, _as_images(y)
    backend.kernels.batch_norm_inference(*images)
    return y, mean, inv_std, sums[-1:]


def batch_norm_backward(
    dy: Array,
    x: Array,
    gamma: Array,
    statistics: Sequence[Array],
    out: tuple[Array, Array],
    input_gradient: bool,
    sum_over_ranks: SumOverRanks,
) -> Array | None:
    """Fill `out` with dgamma and dbeta of this rank's rows; return dx, or None if not wanted.

    `statistics` are mean, inverse deviation and count, as `batch_norm` returned them.
    """
    backend, (channels,) = backend_of(x), gamma.shape
    mean, inv_std, count = statistics
    given = _as_images(_memory.in_order_of(backend, dy, x)), _as_images(x), gamma, mean, inv_std
    backend.kernels.batch_norm_backward(*given, False, None, *out)
    if not input_gradient:
        return None
    gradients = backend.empty(2 * channels, gamma.dtype)
    for a, place in zip(out, (gradients[:channels], gradients[channels:]), strict=True):
        backend.kernels.copy(a.reshape(1, 1, 1, channels), place.reshape(1, 1, 1, channels))
    sum_over_ranks(gradients)
    dx = _memory.empty_like(backend, x)
    backend.kernels.batch_norm_input_gradient(*given, gradients, count, _as_images(dx))
    return dx
