"""What is done to gradients between backward and update: weight penalties and clipping."""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["add_penalty", "clip_norm", "clip_value", "penalty"]


def add_penalty(w: Any, l1: float, l2: float, dw: Any) -> None:
    """dw += gradient of l1 * sum|w| + l2 * sum(w**2), for flat arrays."""
    dw += l1 * np.sign(w) + 2 * l2 * w


def penalty(w: Any, l1: float, l2: float, total: Any) -> None:
    """total[0] += l1 * sum|w| + l2 * sum(w**2), in double precision."""
    w = w.astype("float64")
    total += l1 * abs(w).sum() + l2 * (w * w).sum()


def clip_value(g: Any, limit: float) -> None:
    """Clip g elementwise to [-limit, limit], in place."""
    np.clip(g, -limit, limit, out=g)


def clip_norm(g: Any, limit: float) -> None:
    """Shrink g, in place, to Euclidean norm `limit` where it is longer."""
    norm = np.sqrt((g.astype("float64") ** 2).sum())
    g *= np.where(norm > limit, limit / np.maximum(norm, limit), 1).astype(g.dtype)
