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
    x, window, by_tap = args
    across = window.kernel_size[1]
    inner = x.shape[1] if by_tap else window.kernel_size[0] * across
    outer = q // inner
    rest = q - outer * inner
    c, tap = (rest, outer) if by_tap else (outer, rest)
    r = tap // across
    h, v = row(i, r, window), column(j, tap - r * across, window)
    return x[n, c, h, v] if is_on(h, v, x) else x.dtype.type(0)


@Fill
def _col2im(n, c, h, v, args):  # type: ignore[no-untyped-def]
    cols, window, channel_step, tap_step = args
    top, bottom = rows_over(h, cols.shape[2], window)
    left, right = columns_over(v, cols.shape[3], window)
    total = cols.dtype.type(0)
    for i in range(top, bottom):
        r = row_tap(i, h, window)
        if r >= 0:
            for j in range(left, right):
                s = column_tap(j, v, window)
                if s >= 0:
                    tap = r * window.kernel_size[1] + s
                    total += cols[n, c * channel_step + tap * tap_step, i, j]
    return total


def im2col(x: Any, window: Window, cols: Any) -> None:
    """cols[n, (c, r, s), (i, j)] = the pixel of channel c under tap (r, s) at position (i, j)."""
    unfold(x, window, _by_position(cols, x, window), by_tap=False)


def col2im(cols: Any, window: Window, dx: Any) -> None:
    """Add each entry of cols to the pixel that im2col takes it from: the adjoint of im2col."""
    fold(_by_position(cols, dx, window), window, dx, by_tap=False)


def unfold(x: Any, window: Window, cols: Any, *, by_tap: bool) -> None:
    """im2col to cols (N, C*R*S, OH, OW): channel by channel, or tap by tap."""
    _im2col(cols, x, window, by_tap)


def fold(cols: Any, window: Window, dx: Any, *, by_tap: bool) -> None:
    """The adjoint of `unfold`."""
    taps = window.kernel_size[0] * window.kernel_size[1]
    steps = (1, dx.shape[1]) if by_tap else (taps, 1)
    _col2im(dx, cols, window, *steps)


def _by_position(cols: Any, image: Any, window: Window) -> Any:
    return cols.reshape(*cols.shape[:2], *window.output_size(*image.shape[2:]))
