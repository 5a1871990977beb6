"""Dropout whose mask is a function of (key, step, position): see `cpu/dropout.py`."""

from __future__ import annotations

from typing import Any

import numpy as np

from nnaccel_kernels.cuda.runtime.index import device
from nnaccel_kernels.cuda.runtime.launch import scalar
from nnaccel_kernels.cuda.skeletons.indexed import IndexedKernel

__all__ = ["dropout"]

_GAMMA = np.uint64(0x9E3779B97F4A7C15)
_MIX1, _MIX2 = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)
_S27, _S30, _S31, _S32 = (np.uint64(s) for s in (27, 30, 31, 32))
_M1, _M2, _M3 = (np.uint32(m) for m in (0xED5AD4BB, 0xAC4C1B51, 0x31848BAB))
_S8, _S11, _S14, _S15, _S17 = (np.uint32(s) for s in (8, 11, 14, 15, 17))


@device
def _mix(z):  # type: ignore[no-untyped-def]
    z = (z ^ (z >> _S30)) * _MIX1
    z = (z ^ (z >> _S27)) * _MIX2
    return z ^ (z >> _S31)


@IndexedKernel
def _dropout(i, args):  # type: ignore[no-untyped-def]
    x, threshold, factor, key, step, first, y = args
    base = _mix(key + np.uint64(step[0]) * _GAMMA)
    z = np.uint32(np.uint32(first + np.uint64(i)) + np.uint32(base))
    z = np.uint32((z ^ (z >> _S17)) * _M1) ^ np.uint32(base >> _S32)
    z = np.uint32((z ^ (z >> _S11)) * _M2)
    z = np.uint32((z ^ (z >> _S15)) * _M3)
    bits = np.uint32(z ^ (z >> _S14)) >> _S8
    y[i] = x[i] * factor if bits >= threshold else x.dtype.type(0)


def dropout(x: Any, rate: float, key: Any, step: Any, first: int, y: Any) -> None:
    """y = x / (1 - rate) where the mask of (key, step) keeps an element, else 0.

    x begins at position `first`. Applied to dy with the same key and step it gives dx. The key is
    on the host.
    """
    threshold, factor = np.uint32(rate * 2.0**24), scalar(1 / (1 - rate), x)
    numbers = threshold, factor, key[0], step, np.uint64(first)
    _dropout(x.size, x.reshape(-1), *numbers, y.reshape(-1))
