"""Projection of weights onto those that a constraint allows, after an update."""

from __future__ import annotations

from typing import Any

from nnaccel_kernels.reference.namespace import namespace, widest

__all__ = ["constrain"]


def constrain(w: Any, max_norm: float, non_negative: bool) -> None:
    """Set negative weights to 0, then shrink each unit's to Euclidean norm `max_norm`, in place.

    w is (groups, inputs, units, taps): a unit's weights lie along `inputs` and `taps`.
    """
    xp = namespace(w)
    if non_negative:
        w[...] = xp.where(w < 0, 0, w)
    if max_norm < float("inf"):
        wide = xp.astype(w, widest(w))
        norms = xp.sqrt(xp.sum(wide * wide, axis=(1, 3), keepdims=True))
        factors = xp.where(norms > max_norm, max_norm / xp.where(norms > 0, norms, 1), 1)
        w *= xp.astype(factors, w.dtype)
