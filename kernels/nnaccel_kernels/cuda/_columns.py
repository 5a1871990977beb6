"""Windows of an image side by side in a matrix, and their sum back into an image."""

from __future__ import annotations

from typing import Any

from nnaccel_kernels._window import Window
from nnaccel_kernels.cuda._device import (
    column,
    column_tap,
    columns_over,
    is_on,
    row,
    row_tap,
    rows_over,
)
from nnaccel_kernels.cuda._fill import Fill, Stream


@Stream
def _im2col(n, q, i, j, args):  # type: ignore[no-untyped-def]
    x, window = args
    down, across = window.kernel_size
    c = q // (down * across)
    tap = q - c * (down * across)
    r = tap // across
    h, v = row(i, r, window), column(j, tap - r * across, window)
    return x[n, c, h, v] if is_on(h, v, x) else x.dtype.type(0)


@Fill
def _col2im(n, c, h, v, args):  # type: ignore[no-untyped-def]
    cols, window = args  # cols (N, C*R*S, OH, OW)
    down, across = window.kernel_size
    top, bottom = rows_over(h, cols.shape[2], window)
    left, right = columns_over(v, cols.shape[3], window)
    total = cols.dtype.type(0)
    for i in range(top, bottom):
        r = row_tap(i, h, window)
        if r >= 0:
            for j in range(left, right):
                s = column_tap(j, v, window)
                if s >= 0:
                    total += cols[n, (c * down + r) * across + s, i, j]
    return total


def im2col(x: Any, window: Window, cols: Any) -> None:
    """cols[n, (c, r, s), (i, j)] = the pixel of channel c under tap (r, s) at position (i, j)."""
    _im2col(_by_position(cols, x, window), x, window)


def col2im(cols: Any, window: Window, dx: Any) -> None:
    """Add each entry of cols to the pixel that im2col takes it from: the adjoint of im2col."""
    _col2im(dx, _by_position(cols, dx, window), window)


def _by_position(cols: Any, image: Any, window: Window) -> Any:
    return cols.reshape(*cols.shape[:2], *window.output_size(*image.shape[2:]))
