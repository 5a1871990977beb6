"""Dropout whose mask is a function of (key, step, position modulo 2**32).

SplitMix64 makes two words of key and step; a hash of 32 bits, with the constants of triple32, takes
a position and them.

G. L. Steele, D. Lea and C. H. Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014.
C. Wellons, "Prospecting for hash functions", 2018.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from nnaccel_kernels.reference.namespace import array_like, namespace

__all__ = ["dropout"]

_GAMMA = 0x9E3779B97F4A7C15
_MIX1, _MIX2 = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)
_S27, _S30, _S31, _S32 = (np.uint64(s) for s in (27, 30, 31, 32))
_M1, _M2, _M3 = (np.uint32(m) for m in (0xED5AD4BB, 0xAC4C1B51, 0x31848BAB))


def dropout(x: Any, rate: float, key: Any, step: Any, first: int, y: Any) -> None:
    """y = x / (1 - rate) where the mask of (key, step) keeps an element, else 0.

    x begins at position `first`. Its own adjoint: applied to dy with the same key and step it gives
    dx.
    """
    keep = _mask(first, math.prod(x.shape), rate, int(np.asarray(key)[0]), int(step[0]))
    keep = array_like(x, keep.reshape(x.shape))
    y[...] = namespace(x).where(keep, x * (1 / (1 - rate)), 0)


def _mask(first: int, count: int, rate: float, key: int, step: int) -> Any:
    """Elements to keep, by NumPy: not every library computes with uint64."""
    base = _mix(np.asarray([(key + step * _GAMMA) % 2**64], np.uint64))
    low, high = base.astype(np.uint32), (base >> _S32).astype(np.uint32)
    z = np.arange(first, first + count).astype(np.uint32) + low
    z = (z ^ (z >> np.uint32(17))) * _M1 ^ high
    z = (z ^ (z >> np.uint32(11))) * _M2
    z = (z ^ (z >> np.uint32(15))) * _M3
    return (z ^ (z >> np.uint32(14))) >> np.uint32(8) >= np.uint32(rate * 2.0**24)


def _mix(z: Any) -> Any:
    z = (z ^ (z >> _S30)) * _MIX1
    z = (z ^ (z >> _S27)) * _MIX2
    return z ^ (z >> _S31)
