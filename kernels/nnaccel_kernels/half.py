"""16-bit floating-point dtypes, and their accumulation dtype, float32."""

from __future__ import annotations

from typing import Any

import numpy as np


def is_half(dtype: np.dtype[Any]) -> bool:
    """Whether a dtype is float16, or the bfloat16 of ml_dtypes."""
    return dtype.itemsize == 2 and dtype.name in ("float16", "bfloat16")


def wide_bytes(itemsize: int) -> int:
    """Bytes of the accumulation dtype of a dtype with `itemsize` bytes."""
    return max(itemsize, 4)


def wide(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """The accumulation dtype of a dtype: float32 for 16 bits, else the dtype itself."""
    return np.dtype(np.float32) if is_half(dtype) else dtype
