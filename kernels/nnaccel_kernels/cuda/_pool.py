"""Pooling: the largest or the mean of the pixels under a window; taps outside are passed over.

The gradients are gathered: each pixel looks up the positions whose windows span it.
"""

from __future__ import annotations

import math
from typing import Any

from nnaccel_kernels._window import Window
from nnaccel_kernels.cuda._device import (
    column,
    column_tap,
    columns_over,
    columns_within,
    device,
    is_on,
    row,
    row_tap,
    rows_over,
    rows_within,
)
from nnaccel_kernels.cuda._fill import Fill


@Fill
def _max_pool2d(n, c, i, j, args):  # type: ignore[no-untyped-def]
    x, window = args
    best = x.dtype.type(-math.inf)
    for r in range(window.kernel_size[0]):
        for s in range(window.kernel_size[1]):
            h, v = row(i, r, window), column(j, s, window)
            if is_on(h, v, x):
                pixel = x[n, c, h, v]
                if pixel > best or pixel != pixel:
                    best = pixel
    return best


@device
def _takes(pixel, best):  # type: ignore[no-untyped-def]
    """Whether a pixel may be the one that a maximum came from: a NaN may, too."""
    return pixel == best or pixel != pixel


@device
def _is_first(n, c, i, j, r, s, x, best, window):  # type: ignore[no-untyped-def]
    """Whether no tap before (r, s), in scan order, could have given the maximum."""
    for tap in range(r * window.kernel_size[1] + s):
        down = tap // window.kernel_size[1]
        h = row(i, down, window)
        v = column(j, tap - down * window.kernel_size[1], window)
        if is_on(h, v, x) and _takes(x[n, c, h, v], best):
            return False
    return True


@Fill
def _max_pool2d_backward(n, c, h, v, args):  # type: ignore[no-untyped-def]
    dy, x, y, window = args
    top, bottom = rows_over(h, dy.shape[2], window)
    left, right = columns_over(v, dy.shape[3], window)
    pixel = x[n, c, h, v]
    total = dy.dtype.type(0)
    for i in range(top, bottom):
        r = row_tap(i, h, window)
        if r >= 0:
            for j in range(left, right):
                s = column_tap(j, v, window)
                if s >= 0:
                    best = y[n, c, i, j]
                    if _takes(pixel, best) and _is_first(n, c, i, j, r, s, x, best, window):
                        total += dy[n, c, i, j]
    return total


@device
def _divisor(i, j, bounds, window):  # type: ignore[no-untyped-def]
    """How many taps count at a position; 1 where none does."""
    top, bottom, left, right = bounds
    count = rows_within(i, top, bottom, window) * columns_within(j, left, right, window)
    return count if count > 0 else 1


@Fill
def _avg_pool2d(n, c, i, j, args):  # type: ignore[no-untyped-def]
    x, bounds, window = args
    total = x.dtype.type(0)
    for r in range(window.kernel_size[0]):
        for s in range(window.kernel_size[1]):
            h, v = row(i, r, window), column(j, s, window)
            if is_on(h, v, x):
                total += x[n, c, h, v]
    return total / x.dtype.type(_divisor(i, j, bounds, window))


@Fill
def _avg_pool2d_backward(n, c, h, v, args):  # type: ignore[no-untyped-def]
    dy, bounds, window = args
    top, bottom = rows_over(h, dy.shape[2], window)
    left, right = columns_over(v, dy.shape[3], window)
    total = dy.dtype.type(0)
    for i in range(top, bottom):
        if row_tap(i, h, window) >= 0:
            for j in range(left, right):
                if column_tap(j, v, window) >= 0:
                    total += dy[n, c, i, j] / dy.dtype.type(_divisor(i, j, bounds, window))
    return total


def max_pool2d(x: Any, window: Window, y: Any) -> None:
    """y = largest pixel under the window; a NaN there gives NaN."""
    _max_pool2d(y, x, window)


def max_pool2d_backward(dy: Any, x: Any, y: Any, window: Window, dx: Any) -> None:
    """Send each dy to the first tap, in scan order, that holds the maximum or a NaN."""
    _max_pool2d_backward(dx, dy, x, y, window)


def avg_pool2d(x: Any, window: Window, count_include_pad: bool, y: Any) -> None:
    """y = sum of the pixels under the window, divided by how many taps count."""
    _avg_pool2d(y, x, _bounds(x, window, count_include_pad), window)


def avg_pool2d_backward(dy: Any, window: Window, count_include_pad: bool, dx: Any) -> None:
    """Share each dy equally among the pixels under its window."""
    _avg_pool2d_backward(dx, dy, _bounds(dx, window, count_include_pad), window)


def _bounds(image: Any, window: Window, count_include_pad: bool) -> tuple[int, int, int, int]:
    """First row and one past the last that count, and the same of columns."""
    top, bottom, left, right = window.padding if count_include_pad else (0, 0, 0, 0)
    return -top, image.shape[2] + bottom, -left, image.shape[3] + right
