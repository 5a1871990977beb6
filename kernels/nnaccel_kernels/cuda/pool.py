"""Pooling: the largest or the mean of the pixels under a window; taps outside are passed over.

The gradients are gathered: each pixel looks up the positions whose windows span it.
"""

from __future__ import annotations

import math
from functools import cache
from typing import Any

from nnaccel_kernels.cuda.runtime.index import (
    column,
    columns_within,
    device,
    is_on,
    row,
    rows_within,
)
from nnaccel_kernels.cuda.skeletons.image import Fill
from nnaccel_kernels.cuda.skeletons.known import Kind, clamped, kind_of, known, label
from nnaccel_kernels.cuda.skeletons.spanned import spanned
from nnaccel_kernels.window import Window

__all__ = ["avg_pool2d", "avg_pool2d_backward", "max_pool2d", "max_pool2d_backward"]


@cache
def _max_pool2d(kind: Kind) -> Fill:
    of = known(kind)

    def max_pool2d(n, c, i, j, args):  # type: ignore[no-untyped-def]
        x, window = args[0], of(args[1])
        best = x.dtype.type(-math.inf)
        for r in range(window.kernel_size[0]):
            for s in range(window.kernel_size[1]):
                h, v = row(i, r, window), column(j, s, window)
                pixel = x[n, c, clamped(h, x.shape[2]), clamped(v, x.shape[3])]
                if is_on(h, v, x) and (pixel > best or pixel != pixel):
                    best = pixel
        return best

    return Fill(label(max_pool2d, kind))


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


@spanned
def _if_largest(n, c, i, j, r, s, is_over, dy, window, args):  # type: ignore[no-untyped-def]
    pixel, x, y = args
    best, gradient, zero = y[n, c, i, j], dy[n, c, i, j], dy.dtype.type(0)
    share = gradient if _takes(pixel, best) else zero
    if is_over and share != zero and not _is_first(n, c, i, j, r, s, x, best, window):
        share = zero
    return share


@cache
def _max_pool2d_backward(kind: Kind) -> Fill:
    of = known(kind)

    def max_pool2d_backward(n, c, h, v, args):  # type: ignore[no-untyped-def]
        dy, x, y, window = args
        return _if_largest(n, c, h, v, dy, of(window), (x[n, c, h, v], x, y))

    return Fill(label(max_pool2d_backward, kind))


@device
def _divisor(i, j, bounds, window):  # type: ignore[no-untyped-def]
    """How many taps count at a position; 1 where none does."""
    top, bottom, left, right = bounds
    count = rows_within(i, top, bottom, window) * columns_within(j, left, right, window)
    return count if count > 0 else 1


@cache
def _avg_pool2d(kind: Kind) -> Fill:
    of = known(kind)

    def avg_pool2d(n, c, i, j, args):  # type: ignore[no-untyped-def]
        x, bounds, window = args[0], args[1], of(args[2])
        zero = total = x.dtype.type(0)
        for r in range(window.kernel_size[0]):
            for s in range(window.kernel_size[1]):
                h, v = row(i, r, window), column(j, s, window)
                pixel = x[n, c, clamped(h, x.shape[2]), clamped(v, x.shape[3])]
                total += pixel if is_on(h, v, x) else zero
        return total / x.dtype.type(_divisor(i, j, bounds, window))

    return Fill(label(avg_pool2d, kind))


@spanned
def _share(n, c, i, j, r, s, is_over, dy, window, bounds):  # type: ignore[no-untyped-def]
    return dy[n, c, i, j] / dy.dtype.type(_divisor(i, j, bounds, window))


@cache
def _avg_pool2d_backward(kind: Kind) -> Fill:
    of = known(kind)

    def avg_pool2d_backward(n, c, h, v, args):  # type: ignore[no-untyped-def]
        dy, bounds, window = args
        return _share(n, c, h, v, dy, of(window), bounds)

    return Fill(label(avg_pool2d_backward, kind))


def max_pool2d(x: Any, window: Window, y: Any) -> None:
    """y = largest pixel under the window; a NaN there gives NaN."""
    _max_pool2d(kind_of(window))(y, x, window)


def max_pool2d_backward(dy: Any, x: Any, y: Any, window: Window, dx: Any) -> None:
    """Send each dy to the first tap, in scan order, that holds the maximum or a NaN."""
    _max_pool2d_backward(kind_of(window))(dx, dy, x, y, window)


def avg_pool2d(x: Any, window: Window, count_include_pad: bool, y: Any) -> None:
    """y = sum of the pixels under the window, divided by how many taps count."""
    fill = _avg_pool2d(kind_of(window))
    fill(y, x, _bounds(x, window, count_include_pad), window)


def avg_pool2d_backward(dy: Any, window: Window, count_include_pad: bool, dx: Any) -> None:
    """Share each dy equally among the pixels under its window."""
    fill = _avg_pool2d_backward(kind_of(window))
    fill(dx, dy, _bounds(dx, window, count_include_pad), window)


def _bounds(image: Any, window: Window, count_include_pad: bool) -> tuple[int, int, int, int]:
    """First row and one past the last that count, and the same of columns."""
    top, bottom, left, right = window.padding if count_include_pad else (0, 0, 0, 0)
    return -top, image.shape[2] + bottom, -left, image.shape[3] + right
