"""Weight penalties and gradient clipping: between backward and update."""

from __future__ import annotations

import math
from typing import Any

from nnaccel_kernels.reference.namespace import namespace, widest

__all__ = ["add_penalty", "clip_norm", "clip_value", "penalty"]


def add_penalty(w: Any, l1: float, l2: float, dw: Any) -> None:
    """dw += gradient of l1 * sum|w| + l2 * sum(w**2), for flat arrays."""
    dw += l1 * namespace(w).sign(w) + 2 * l2 * w


def penalty(w: Any, l1: float, l2: float, total: Any) -> None:
    """total[0] += l1 * sum|w| + l2 * sum(w**2), in the precision of `total`."""
    xp = namespace(w)
    w = xp.astype(w, total.dtype)
    total += l1 * xp.sum(xp.abs(w)) + l2 * xp.sum(w * w)


def clip_value(g: Any, limit: float) -> None:
    """Clip g elementwise to [-limit, limit], in place."""
    g[...] = namespace(g).clip(g, -limit, limit)


def clip_norm(g: Any, limit: float) -> None:
    """Scale g, in place, to Euclidean norm `limit` where its norm is greater."""
    xp = namespace(g)
    norm = math.sqrt(float(xp.sum(xp.astype(g, widest(g)) ** 2)))
    if norm > limit:
        g *= limit / norm
