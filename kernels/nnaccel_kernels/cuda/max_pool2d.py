"""Max pooling, forward and backward; taps in the padding are ignored.

The backward pass gathers: each pixel adds up the windows that cover it. Where windows lie side by
side, it goes through the windows instead.
"""

from __future__ import annotations

import math
from functools import cache
from typing import Any

import numpy as np

from nnaccel_kernels.cuda.runtime.index import column, device, is_inside, row
from nnaccel_kernels.cuda.runtime.launch import scalar
from nnaccel_kernels.cuda.skeletons.disjoint_windows import DisjointKernel, disjoint
from nnaccel_kernels.cuda.skeletons.fixed_window import (
    FixedSize,
    fixed_size,
    fixed_window,
    named_by_size,
)
from nnaccel_kernels.cuda.skeletons.image import PixelKernel
from nnaccel_kernels.cuda.skeletons.overlapping_windows import sum_over_windows
from nnaccel_kernels.cuda.skeletons.pooling import PoolingKernel
from nnaccel_kernels.half import wide
from nnaccel_kernels.window import Window

__all__ = ["max_pool2d", "max_pool2d_backward"]

_NO_TAP = -1


@cache
def _max_pool2d(size: FixedSize, dtype: np.dtype[Any]) -> PoolingKernel:
    def larger(pixel, best):  # type: ignore[no-untyped-def]
        return pixel if pixel > best or pixel != pixel else best

    def max_pool2d(best):  # type: ignore[no-untyped-def]
        return best

    return PoolingKernel(size, dtype.type(-math.inf), larger, max_pool2d)


@device
def _matches(pixel, best):  # type: ignore[no-untyped-def]
    """Whether a pixel equals the maximum, or is NaN."""
    return pixel == best or pixel != pixel


@device
def _is_first(n, c, i, j, r, s, x, best, window):  # type: ignore[no-untyped-def]
    """Whether no tap before (r, s), in scan order, matches the maximum."""
    for tap in range(r * window.kernel_size[1] + s):
        down = tap // window.kernel_size[1]
        h = row(i, down, window)
        v = column(j, tap - down * window.kernel_size[1], window)
        if is_inside(h, v, x) and _matches(x[n, c, h, v], best):
            return False
    return True


@sum_over_windows
def _gradient(n, c, i, j, r, s, covers, dy, window, args):  # type: ignore[no-untyped-def]
    pixel, x, y = args
    best, gradient, zero = y[n, c, i, j], dy[n, c, i, j], dy.dtype.type(0)
    share = gradient if _matches(pixel, best) else zero
    if covers and share != zero and not _is_first(n, c, i, j, r, s, x, best, window):
        share = zero
    return share


@cache
def _of_disjoint_windows(size: FixedSize, dtype: np.dtype[Any]) -> DisjointKernel:
    """The state is the maximum, the gradient, the first tap that matches, and the next tap."""
    zero = dtype.type(0)

    def load(y, dy, best, gradient, first, tap):  # type: ignore[no-untyped-def]
        return y, dy, first, tap

    def look(pixel, best, gradient, first, tap):  # type: ignore[no-untyped-def]
        is_first = _matches(pixel, best) and first == _NO_TAP
        return best, gradient, tap if is_first else first, tap + 1

    def max_pool2d_backward(best, gradient, first, next_tap, tap):  # type: ignore[no-untyped-def]
        return gradient if tap == first else zero

    return DisjointKernel(size, load, look, max_pool2d_backward)


@cache
def _max_pool2d_backward(size: FixedSize) -> PixelKernel:
    fixed = fixed_window(size)

    def max_pool2d_backward(n, c, h, v, args):  # type: ignore[no-untyped-def]
        dy, x, y, window = args
        return _gradient(n, c, h, v, dy, fixed(window), (x[n, c, h, v], x, y))

    return PixelKernel(named_by_size(max_pool2d_backward, size))


def max_pool2d(x: Any, window: Window, y: Any) -> None:
    """y = largest pixel under the window; a NaN there gives NaN."""
    _max_pool2d(fixed_size(window), wide(x.dtype))(y, x, window)


def max_pool2d_backward(dy: Any, x: Any, y: Any, window: Window, dx: Any) -> None:
    """Send each dy to the first tap, in scan order, that holds the maximum or a NaN."""
    size, pieces = fixed_size(window), disjoint(window, dx, (x,), (y, dy))
    if pieces:
        zero = scalar(0, x)
        kernel = _of_disjoint_windows(size, wide(x.dtype))
        kernel(pieces, zero, zero, np.int32(_NO_TAP), np.int32(0))
    else:
        _max_pool2d_backward(size)(dx, dy, x, y, window)
