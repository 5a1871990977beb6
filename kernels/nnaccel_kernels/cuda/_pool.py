"""Pooling: the largest or the mean of the pixels under a window; taps outside are passed over.

The gradients are gathered: each pixel looks up the positions whose windows span it.
"""

from __future__ import annotations

import math
from functools import cache
from typing import Any

from nnaccel_kernels._window import Window
from nnaccel_kernels.cuda._device import (
    column,
    column_tap,
    columns_within,
    device,
    is_on,
    row,
    row_tap,
    rows_within,
)
from nnaccel_kernels.cuda._fill import Fill
from nnaccel_kernels.cuda._known import (
    Kind,
    clamped,
    columns_from,
    is_tap,
    kind_of,
    known,
    label,
    rows_from,
)


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


@cache
def _max_pool2d_backward(kind: Kind) -> Fill:
    of = known(kind)

    def max_pool2d_backward(n, c, h, v, args):  # type: ignore[no-untyped-def]
        dy, x, y, window = args[0], args[1], args[2], of(args[3])
        top, down = rows_from(h, window)
        left, across = columns_from(v, window)
        pixel, total = x[n, c, h, v], dy.dtype.type(0)
        for a in range(down):
            i = top + a
            r = row_tap(i, h, window)
            for b in range(across):
                j = left + b
                s = column_tap(j, v, window)
                at = clamped(i, dy.shape[2]), clamped(j, dy.shape[3])
                best, gradient = y[n, c, at[0], at[1]], dy[n, c, at[0], at[1]]
                takes = is_tap(r, s, window) and is_on(i, j, dy) and _takes(pixel, best)
                if takes and _is_first(n, c, i, j, r, s, x, best, window):
                    total += gradient
        return total

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


@cache
def _avg_pool2d_backward(kind: Kind) -> Fill:
    of = known(kind)

    def avg_pool2d_backward(n, c, h, v, args):  # type: ignore[no-untyped-def]
        dy, bounds, window = args[0], args[1], of(args[2])
        top, down = rows_from(h, window)
        left, across = columns_from(v, window)
        zero = total = dy.dtype.type(0)
        for a in range(down):
            i = top + a
            r = row_tap(i, h, window)
            for b in range(across):
                j = left + b
                s = column_tap(j, v, window)
                gradient = dy[n, c, clamped(i, dy.shape[2]), clamped(j, dy.shape[3])]
                share = gradient / dy.dtype.type(_divisor(i, j, bounds, window))
                total += share if is_tap(r, s, window) and is_on(i, j, dy) else zero
        return total

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
