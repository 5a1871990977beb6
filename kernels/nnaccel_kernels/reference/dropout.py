"""Dropout whose mask is a function of (key, step, position), by SplitMix64."""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["dropout"]

_GAMMA = np.uint64(0x9E3779B97F4A7C15)
_MIX1, _MIX2 = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)
_S27, _S30, _S31, _S40 = (np.uint64(s) for s in (27, 30, 31, 40))


def dropout(x: Any, rate: float, key: Any, step: Any, y: Any) -> None:
    """y = x / (1 - rate) where the mask of (key, step) keeps an element, else 0.

    Its own adjoint: applied to dy with the same key and step it gives dx.
    """
    base = _mix(key + step.astype("uint64") * _GAMMA)[0]  # key and step are on the host
    bits = _mix(np.arange(1, x.size + 1, dtype="uint64") * _GAMMA + base) >> _S40
    keep = (bits >= np.uint64(rate * 2.0**24)).reshape(x.shape)
    y[...] = np.where(keep, x * x.dtype.type(1 / (1 - rate)), 0)


def _mix(z: Any) -> Any:
    z = (z ^ (z >> _S30)) * _MIX1
    z = (z ^ (z >> _S27)) * _MIX2
    return z ^ (z >> _S31)
