"""Average pooling, forward and backward.

The backward pass gathers: each pixel adds up the windows that cover it.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np

from nnaccel_kernels.cuda.runtime.index import (
    columns_within,
    device,
    rows_within,
)
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
def _divisor(i, j, bounds, window):  # type: ignore[no-untyped-def]
    """Number of taps within the bounds at a position, at least 1."""
    top, bottom, left, right = bounds
    count = rows_within(i, top, bottom, window) * columns_within(j, left, right, window)
    return count if count > 0 else 1


@cache
def _avg_pool2d(size: FixedSize, dtype: np.dtype[Any]) -> PoolingKernel:
    number = dtype.type

    def added(pixel, total):  # type: ignore[no-untyped-def]
        return total + pixel

    def avg_pool2d(total, i, j, window, args):  # type: ignore[no-untyped-def]
        return total / number(_divisor(i, j, args[0], window))

    return PoolingKernel(size, number(0), added, avg_pool2d)


@sum_over_windows
def _gradient(n, c, i, j, r, s, covers, dy, window, bounds):  # type: ignore[no-untyped-def]
    return dy[n, c, i, j] / dy.dtype.type(_divisor(i, j, bounds, window))


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
    kernel(y, x, window, _bounds(x, window, count_include_pad))


def avg_pool2d_backward(dy: Any, window: Window, count_include_pad: bool, dx: Any) -> None:
    """Share each dy equally among the pixels under its window."""
    kernel = _avg_pool2d_backward(fixed_size(window))
    kernel(dx, dy, _bounds(dx, window, count_include_pad), window)


def _bounds(image: Any, window: Window, count_include_pad: bool) -> tuple[int, int, int, int]:
    """Rows (first, end) and columns (first, end) whose taps count."""
    top, bottom, left, right = window.padding if count_include_pad else (0, 0, 0, 0)
    return -top, image.shape[2] + bottom, -left, image.shape[3] + right
