"""Windows of an image side by side in a matrix, and their sum back into an image."""

from __future__ import annotations

from functools import cache
from typing import Any

from numba import cuda

from nnaccel_kernels.cuda.runtime.index import column, is_on, row
from nnaccel_kernels.cuda.skeletons.image import Fill, Visit
from nnaccel_kernels.cuda.skeletons.known import Kind, clamped, kind_of, known, label
from nnaccel_kernels.cuda.skeletons.spanned import spanned
from nnaccel_kernels.window import Window

__all__ = ["col2im", "im2col"]

_TOGETHER = 4  # taps of a row whose loads are on their way before the first is stored


@cache
def _im2col(kind: Kind) -> Visit:
    of = known(kind)

    def im2col(n, c, i, j, first_tap, args):  # type: ignore[no-untyped-def]
        x, cols, window, channel_step, tap_step = args[0], args[1], of(args[2]), args[3], args[4]
        across, zero = window.kernel_size[1], x.dtype.type(0)
        pixels = cuda.local.array(_TOGETHER, x.dtype)
        for r in range(window.kernel_size[0]):
            h = row(i, r, window)
            for first in range(0, across, _TOGETHER):
                for s in range(_TOGETHER):
                    v = column(j, first + s, window)
                    pixel = x[n, c, clamped(h, x.shape[2]), clamped(v, x.shape[3])]
                    pixels[s] = pixel if is_on(h, v, x) else zero
                for s in range(_TOGETHER):
                    if first + s < across:
                        tap = r * across + first + s
                        cols[n, c * channel_step + tap * tap_step, i, j] = pixels[s]

    return Visit(label(im2col, kind))


@spanned
def _entry(n, c, i, j, r, s, is_over, cols, window, args):  # type: ignore[no-untyped-def]
    channel_step, tap_step = args
    tap = r * window.kernel_size[1] + s if is_over else 0
    return cols[n, c * channel_step + tap * tap_step, i, j]


@cache
def _col2im(kind: Kind) -> Fill:
    of = known(kind)

    def col2im(n, c, h, v, args):  # type: ignore[no-untyped-def]
        return _entry(n, c, h, v, args[0], of(args[1]), args[2:])

    return Fill(label(col2im, kind))


def im2col(x: Any, window: Window, cols: Any) -> None:
    """cols[n, (c, r, s), (i, j)] = the pixel of channel c under tap (r, s) at position (i, j)."""
    unfold(x, window, _by_position(cols, x, window), by_tap=False)


def col2im(cols: Any, window: Window, dx: Any) -> None:
    """Add each entry of cols to the pixel that im2col takes it from: the adjoint of im2col."""
    fold(_by_position(cols, dx, window), window, dx, by_tap=False)


def unfold(x: Any, window: Window, cols: Any, *, by_tap: bool) -> None:
    """im2col to cols (N, C*R*S, OH, OW): channel by channel, or tap by tap."""
    channel_step, tap_step = _steps(x, window, by_tap)
    of_first_tap = cols[:, : x.shape[1] * channel_step : channel_step]
    _im2col(kind_of(window))(of_first_tap, x, cols, window, channel_step, tap_step)


def fold(cols: Any, window: Window, dx: Any, *, by_tap: bool) -> None:
    """The adjoint of `unfold`."""
    _col2im(kind_of(window))(dx, cols, window, *_steps(dx, window, by_tap))


def _steps(image: Any, window: Window, by_tap: bool) -> tuple[int, int]:
    """From a channel to the next among the columns, and from a tap to the next."""
    return (1, image.shape[1]) if by_tap else (window.kernel_size[0] * window.kernel_size[1], 1)


def _by_position(cols: Any, image: Any, window: Window) -> Any:
    return cols.reshape(*cols.shape[:2], *window.output_size(*image.shape[2:]))
