"""Arrays drawn for the calls of kernels."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

Rng = np.random.Generator
Args = dict[str, Any]
#: Draws a kernel's arguments for a shape (n, m) and a dtype.
Draw = Callable[[Rng, int, int, Any], Args]


def normal(rng: Rng, shape: int | tuple[int, ...], dtype: Any) -> np.ndarray:
    """Return Gaussian numbers."""
    return np.asarray(rng.standard_normal(shape), dtype)


def one_hot(rng: Rng, n: int, m: int, dtype: Any) -> np.ndarray:
    """Return n targets of m classes."""
    return np.eye(m, dtype=dtype)[rng.integers(0, m, n)]


def blank(name: str, n: int, m: int, dtype: Any) -> Args:
    """Return an argument that a kernel is to fill."""
    return {name: np.full((n, m), 7, dtype)}
