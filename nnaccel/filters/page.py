"""Grids of pictures, and the range of their grey values."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray


def ends(values: NDArray[Any], clip: float) -> tuple[float, float]:
    """Smallest and largest number, without `clip` percent at either end unless nothing is left."""
    if clip:
        low, high = np.percentile(values.astype(np.float64), [clip, 100 - clip], method="nearest")
        if low < high:
            return float(low), float(high)
    return float(values.min()), float(values.max())


def grid(count: int) -> tuple[int, int]:
    """Rows and columns for `count` pictures: near-square, with as few empty cells as possible."""
    square = math.isqrt(count)
    rows = [r for r in range(square, 0, -1) if -(-count // r) <= 2 * r + 1]
    best = min(rows, key=lambda r: -count % r)
    return best, -(-count // best)
