"""Index arithmetic of windows over images, as device functions."""

from __future__ import annotations

from functools import cache
from typing import Any

from numba import cuda

from nnaccel_kernels import index
from nnaccel_kernels.cuda.runtime.emit import emitted, types


@cache
def device(function: Any) -> Any:
    """A device function, the same for the same function: it is compiled once for many kernels."""
    return cuda.jit(device=True)(function)


_source = device(index.source)
_tap_on = device(index.tap_on)


@device
def row(i, r, window):  # type: ignore[no-untyped-def]
    """Image row under window row r at position row i."""
    return _source(i, r, window.stride[0], window.padding[0], window.dilation[0])


@device
def column(j, s, window):  # type: ignore[no-untyped-def]
    """Image column under window column s at position column j."""
    return _source(j, s, window.stride[1], window.padding[2], window.dilation[1])


@device
def is_inside(h, v, x):  # type: ignore[no-untyped-def]
    """Whether the image x has a pixel (h, v)."""
    return 0 <= h < x.shape[2] and 0 <= v < x.shape[3]


@device
def clamp(index, size):  # type: ignore[no-untyped-def]
    """Nearest index in range(size): a load from there is safe, even if its value is dropped."""
    index = 0 if index < 0 else index
    return size - 1 if index >= size else index


@device
def row_tap(i, h, window):  # type: ignore[no-untyped-def]
    """Window row at position row i that lies on image row h; -1 if none does."""
    return _tap_on(i, h, window.stride[0], window.padding[0], window.dilation[0])


@device
def column_tap(j, v, window):  # type: ignore[no-untyped-def]
    """Window column at position column j that lies on image column v; -1 if none does."""
    return _tap_on(j, v, window.stride[1], window.padding[2], window.dilation[1])


@emitted(lambda index, size: 0 <= index < size)
def is_below(typing, index, size):  # type: ignore[no-untyped-def]
    """Whether a 32-bit index is in range(size), by one comparison of unsigned numbers."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.icmp_unsigned("<", *args)

    return types.boolean(types.int32, types.int32), generate
