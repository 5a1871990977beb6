"""The two memory orders of images (N, C, H, W): C-contiguous and channels-last.

In channels-last order the channels of a pixel are neighbours in memory, so that
``x.transpose(0, 2, 3, 1)`` is C-contiguous.
"""

from __future__ import annotations

import math
from typing import Any

from nnaccel.backends import Array, Backend, backend_of


def is_channels_last(a: Array) -> bool:
    """Whether `a` is channels-last; an array in both orders counts as C-contiguous."""
    return bool(
        a.ndim == 4 and not a.flags.c_contiguous and a.transpose(0, 2, 3, 1).flags.c_contiguous
    )


def empty(backend: Backend, shape: tuple[int, ...], dtype: Any, channels_last: bool) -> Array:
    """Return an uninitialised array, C-contiguous or channels-last."""
    if not channels_last:
        return backend.empty(shape, dtype)
    n, c, h, w = shape
    return backend.empty((n, h, w, c), dtype).transpose(0, 3, 1, 2)


def empty_like(backend: Backend, a: Array) -> Array:
    """Return an uninitialised array of the shape, dtype and order of `a`."""
    return empty(backend, a.shape, a.dtype, is_channels_last(a))


def as_stored(a: Array) -> Array:
    """Return the C-contiguous view of an array in either order."""
    return a.transpose(0, 2, 3, 1) if is_channels_last(a) else a


def in_order_of(backend: Backend, a: Array, like: Array) -> Array:
    """Return `a` in the order of `like`, copied if needed."""
    channels_last = is_channels_last(like)
    if (a.transpose(0, 2, 3, 1) if channels_last else a).flags.c_contiguous:
        return a
    copied = empty(backend, a.shape, a.dtype, channels_last)
    backend.kernels.copy(a, copied)
    return copied


def in_c_order(backend: Backend, a: Array) -> Array:
    """Return `a` C-contiguous, copied if needed."""
    if not is_channels_last(a):
        return a
    copied = backend.empty(a.shape, a.dtype)
    backend.kernels.copy(a, copied)
    return copied


def as_rows(x: Array) -> Array:
    """Return x as a C-contiguous matrix, one row an item of the batch."""
    x = in_c_order(backend_of(x), x)
    return x.reshape(len(x), math.prod(x.shape[1:]))
