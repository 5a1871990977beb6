"""16-bit floats: computed in float32, then rounded."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from nnaccel_kernels.reference.namespace import namespace


def watched(a: Any) -> Callable[[], bool]:
    """Return a function that says whether an array has changed since."""
    before = namespace(a).asarray(a, copy=True)
    return lambda: not _is_same(a, before)


def widened(
    kernel: Callable[..., Any], watched: Callable[[Any], Callable[[], bool]] = watched
) -> Callable[..., Any]:
    """Kernel that computes on float32 copies of 16-bit arrays and rounds what it changed."""

    @functools.wraps(kernel)
    def call(*args: Any, **kwargs: Any) -> Any:
        copies: dict[int, tuple[Any, Any, Any]] = {}  # an array that is passed twice has one

        def wide(value: Any) -> Any:
            if not _is_half(value):
                return value
            if id(value) not in copies:
                xp = namespace(value)
                copied = xp.astype(value, xp.float32)
                copies[id(value)] = value, copied, watched(copied)
            return copies[id(value)][1]

        given = [wide(a) for a in args], {name: wide(v) for name, v in kwargs.items()}
        if not copies:
            return kernel(*args, **kwargs)
        with np.errstate(over="ignore", invalid="ignore"):  # few bits overflow to infinity
            result = kernel(*given[0], **given[1])
            for array, now, has_changed in copies.values():
                if has_changed():
                    array[...] = namespace(array).astype(now, array.dtype)
        return result

    return call


def _is_half(value: Any) -> bool:
    """Whether this is an array of float16 or bfloat16."""
    dtype = getattr(value, "dtype", None)
    return getattr(dtype, "itemsize", 0) == 2 and str(dtype).endswith("float16")


def _is_same(a: Any, b: Any) -> bool:
    """Whether two arrays are equal, NaN included."""
    xp = namespace(a)
    return bool(xp.all((a == b) | (xp.isnan(a) & xp.isnan(b))))
