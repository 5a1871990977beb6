"""Dropout with a mask that is a function of (key, step, position), the same on every backend.

An element's random bits are those of SplitMix64 [1]_ at its position, so forward and backward share
no state, and threads need no generators of their own.

.. [1] G. L. Steele, D. Lea and C. H. Flood, "Fast splittable pseudorandom number generators",
   OOPSLA 2014.
"""

from __future__ import annotations

import numpy as np

from nnaccel_kernels.cpu.runtime.jit import njit
from nnaccel_kernels.cpu.runtime.kernel import kernel
from nnaccel_kernels.cpu.runtime.sharing import share, threads_for

__all__ = ["dropout"]

_GAMMA = np.uint64(0x9E3779B97F4A7C15)
_MIX1, _MIX2 = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)
_S27, _S30, _S31, _S40 = (np.uint64(s) for s in (27, 30, 31, 40))


@njit(nogil=True, cache=True)
def _mix(z):  # type: ignore[no-untyped-def]
    z = (z ^ (z >> _S30)) * _MIX1
    z = (z ^ (z >> _S27)) * _MIX2
    return z ^ (z >> _S31)


@kernel
def _dropout(rank, size, x, rate, key, step, first, y):  # type: ignore[no-untyped-def]
    zero, factor = x.dtype.type(0), x.dtype.type(1.0 / (1.0 - rate[0]))
    dropped = np.uint64(rate[0] * 2.0**24)
    base = _mix(key[0] + np.uint64(step[0]) * _GAMMA)
    lo, hi = share(x.size, rank, size)
    x, y = x[lo:hi], y[lo:hi]
    for i in range(x.size):
        bits = _mix(base + np.uint64(first + lo + i + 1) * _GAMMA) >> _S40
        y[i] = x[i] * factor if bits >= dropped else zero


def dropout(
    x: np.ndarray, rate: float, key: np.ndarray, step: np.ndarray, first: int, y: np.ndarray
) -> None:
    """y = x / (1 - rate) for elements that the mask of (key, step) keeps, else 0.

    x begins at position `first`. Applied to dy with the same key and step it gives dx.
    """
    width = threads_for(x.size * 10.0)
    _dropout(x.reshape(-1), np.array([rate]), key, step, first, y.reshape(-1), width=width)
