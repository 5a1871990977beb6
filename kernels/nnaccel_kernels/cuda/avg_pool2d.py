"""Average pooling, forward and backward.

The backward pass gathers: each pixel adds up the windows that cover it. Where windows lie side by
side, it goes through the windows instead.
"""

from __future__ import annotations

import math
from functools import cache
from typing import Any

import numpy as np
from numba import int32

from nnaccel_kernels.cuda.runtime.index import column, device, row
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

__all__ = ["avg_pool2d", "avg_pool2d_backward"]


@device
def _taps_below(limit, first, taps, dilation):  # type: ignore[no-untyped-def]
    """Number of taps on pixels below a limit, the first being on pixel `first`."""
    count = int32(int32(limit - first + dilation - 1) // dilation)
    count = int32(0) if count < 0 else count
    return int32(taps) if count > taps else count


@device
def _divisor(i, j, bounds, window):  # type: ignore[no-untyped-def]
    """Number of taps within the bounds at a position, at least 1."""
    top, bottom, left, right = bounds
    (rows, columns), (down, across) = window.kernel_size, window.dilation
    h, v = int32(row(i, 0, window)), int32(column(j, 0, window))
    rows = _taps_below(bottom, h, rows, down) - _taps_below(top, h, rows, down)
    columns = _taps_below(right, v, columns, across) - _taps_below(left, v, columns, across)
    count = int32(rows * columns)
    return count if count > 0 else int32(1)


@cache
def _avg_pool2d(size: FixedSize, dtype: np.dtype[Any]) -> PoolingKernel:
    number = dtype.type

    def added(pixel, total):  # type: ignore[no-untyped-def]
        return total + pixel

    def avg_pool2d(total, count):  # type: ignore[no-untyped-def]
        return total / count

    def counted(i, j, window, args):  # type: ignore[no-untyped-def]
        return (number(_divisor(i, j, args[0], window)),)

    def all_taps(i, j, window, args):  # type: ignore[no-untyped-def]
        return (args[1],)

    return PoolingKernel(size, number(0), added, avg_pool2d, counted, all_taps)


@sum_over_windows
def _gradient(n, c, i, j, r, s, covers, dy, window, bounds):  # type: ignore[no-untyped-def]
    return dy[n, c, i, j] / dy.dtype.type(_divisor(i, j, bounds, window))


@cache
def _of_disjoint_windows(size: FixedSize) -> DisjointKernel:
    """The state is each pixel's share of the gradient, and the number of pixels."""

    def load(dy, share, count):  # type: ignore[no-untyped-def]
        return dy / count, count

    def avg_pool2d_backward(share, count, tap):  # type: ignore[no-untyped-def]
        return share

    return DisjointKernel(size, load, None, avg_pool2d_backward)


@cache
def _avg_pool2d_backward(size: FixedSize) -> PixelKernel:
    fixed = fixed_window(size)

    def avg_pool2d_backward(n, c, h, v, args):  # type: ignore[no-untyped-def]
        dy, bounds, window = args
        return _gradient(n, c, h, v, dy, fixed(window), bounds)

    return PixelKernel(named_by_size(avg_pool2d_backward, size))


def avg_pool2d(x: Any, window: Window, count_include_pad: bool, y: Any) -> None:
    """y = sum of the pixels under the window, divided by the number of taps that count."""
    kernel = _avg_pool2d(fixed_size(window), wide(x.dtype))
    taps = scalar(math.prod(window.kernel_size), x)
    kernel(y, x, window, _bounds(x, window, count_include_pad), taps)


def avg_pool2d_backward(dy: Any, window: Window, count_include_pad: bool, dx: Any) -> None:
    """Share each dy equally among the pixels under its window."""
    size, pieces = fixed_size(window), disjoint(window, dx, (), (dy,))
    if pieces:
        taps = scalar(math.prod(window.kernel_size), dx)
        _of_disjoint_windows(size)(pieces, scalar(0, dx), taps)
    else:
        bounds = _bounds(dx, window, count_include_pad)
        _avg_pool2d_backward(size)(dx, dy, bounds, window)


def _bounds(image: Any, window: Window, count_include_pad: bool) -> tuple[int, int, int, int]:
    """Rows (first, end) and columns (first, end) whose taps count."""
    top, bottom, left, right = window.padding if count_include_pad else (0, 0, 0, 0)
    return -top, image.shape[2] + bottom, -left, image.shape[3] + right
