"""Kernels on arrays of 16-bit numbers: computed in float32, then rounded."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from nnaccel_kernels.half import is_half


def widened(kernel: Callable[..., Any]) -> Callable[..., Any]:
    """A kernel that is given float32 copies of such arrays, and whose results are rounded."""

    @functools.wraps(kernel)
    def call(*args: Any, **kwargs: Any) -> Any:
        copies: dict[Any, tuple[np.ndarray, np.ndarray, np.ndarray]] = {}

        def wide(value: Any) -> Any:
            if not isinstance(value, np.ndarray) or not is_half(value.dtype):
                return value
            key = value.ctypes.data, value.shape, value.strides  # two names of one array
            if key not in copies:
                copied = value.astype(np.float32)
                copies[key] = value, copied, copied.copy()
            return copies[key][1]

        given = [wide(a) for a in args], {name: wide(v) for name, v in kwargs.items()}
        if not copies:
            return kernel(*args, **kwargs)
        with np.errstate(over="ignore", invalid="ignore"):  # few bits overflow to infinity
            result = kernel(*given[0], **given[1])
            for array, now, before in copies.values():
                if not np.array_equal(now, before, equal_nan=True):
                    array[...] = now.astype(array.dtype)
        return result

    return call
