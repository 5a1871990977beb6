"""Dynamic loss scaling for mixed precision [1]_.

`scale` holds the factor, and the number of steps since it last changed.

.. [1] P. Micikevicius et al., "Mixed precision training", ICLR 2018.
"""

from __future__ import annotations

import math

import numpy as np

from nnaccel_kernels.cpu.runtime.kernel import kernel
from nnaccel_kernels.cpu.runtime.sharing import part, threads_for

__all__ = ["adjust_scale", "scale_gradient", "unscale_gradients"]


@kernel
def _scale_gradient(rank, size, dy, scale):  # type: ignore[no-untyped-def]
    factor = dy.dtype.type(scale[0])
    dy = part(dy, rank, size)
    for i in range(dy.size):
        dy[i] *= factor


@kernel
def _unscale_gradients(rank, size, g, scale, overflows):  # type: ignore[no-untyped-def]
    factor, count = g.dtype.type(1.0 / scale[0]), 0
    for i in range(g.size):
        g[i] *= factor
        count += not math.isfinite(g[i])
    overflows[0] = count


@kernel
def _adjust_scale(rank, size, scale, overflows, patience, limits, rate, cursor):  # type: ignore[no-untyped-def]
    if overflows[0] > 0:
        scale[0], scale[1] = max(scale[0] / 2.0, limits[0]), 0.0
        rate[cursor[0]] = np.nan
    elif scale[1] + 1.0 < patience:
        scale[1] += 1.0
    else:
        scale[0], scale[1] = min(scale[0] * 2.0, limits[1]), 0.0


def scale_gradient(dy: np.ndarray, scale: np.ndarray) -> None:
    """dy *= the factor, in place."""
    _scale_gradient(dy.reshape(-1), scale, width=threads_for(dy.size))


def unscale_gradients(g: np.ndarray, scale: np.ndarray, overflows: np.ndarray) -> None:
    """g /= the factor, in place; overflows[0] = the number of NaN and infinite elements."""
    _unscale_gradients(g, scale, overflows)


def adjust_scale(
    scale: np.ndarray,
    overflows: np.ndarray,
    patience: int,
    limits: tuple[float, float],
    rate: np.ndarray,
    cursor: np.ndarray,
) -> None:
    """After an overflow, halve the factor and set this batch's rate to NaN, so it updates nothing.

    After `patience` steps without overflow, double the factor. It stays within the limits.
    """
    _adjust_scale(scale, overflows, patience, np.array(limits), rate, cursor)
