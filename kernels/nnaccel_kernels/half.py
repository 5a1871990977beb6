"""Numbers of 16 bits: arrays hold them, and everything is computed in float32."""

from __future__ import annotations

from typing import Any

import numpy as np


def is_half(dtype: np.dtype[Any]) -> bool:
    """Whether a dtype is float16 or bfloat16, which is a dtype of ml_dtypes."""
    return dtype.itemsize == 2 and dtype.name in ("float16", "bfloat16")


def wide_bytes(itemsize: int) -> int:
    """Bytes of the numbers that those of so many bytes are computed in."""
    return max(itemsize, 4)


def wide(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """The dtype that numbers of some dtype are computed in."""
    return np.dtype(np.float32) if is_half(dtype) else dtype
