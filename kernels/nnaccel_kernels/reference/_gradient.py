"""What is done to gradients between backward and update: weight penalties and clipping."""

from __future__ import annotations

from typing import Any

from nnaccel_kernels.reference._namespace import namespace_of


def add_penalty(w: Any, l1: float, l2: float, dw: Any) -> None:
    """dw += gradient of l1 * sum|w| + l2 * sum(w**2), for flat arrays."""
    dw += l1 * namespace_of(w).sign(w) + 2 * l2 * w


def penalty(w: Any, l1: float, l2: float, total: Any) -> None:
    """total[0] += l1 * sum|w| + l2 * sum(w**2), in double precision."""
    w = w.astype("float64")
    total += l1 * abs(w).sum() + l2 * (w * w).sum()


def clip_value(g: Any, limit: float) -> None:
    """Clip g elementwise to [-limit, limit], in place."""
    namespace_of(g).clip(g, -limit, limit, out=g)


def clip_norm(g: Any, limit: float) -> None:
    """Shrink g, in place, to Euclidean norm `limit` where it is longer."""
    xp = namespace_of(g)
    norm = xp.sqrt((g.astype("float64") ** 2).sum())
    g *= xp.where(norm > limit, limit / xp.maximum(norm, limit), 1).astype(g.dtype)
