"""im2col, which copies each window of an image into a column of a matrix, and its adjoint."""

from __future__ import annotations

from functools import cache
from typing import Any

from numba import cuda

from nnaccel_kernels.cuda.runtime.index import clamp, column, is_inside, row
from nnaccel_kernels.cuda.skeletons.fixed_window import (
    FixedSize,
    fixed_size,
    fixed_window,
    named_by_size,
)
from nnaccel_kernels.cuda.skeletons.image import ImageKernel, PixelKernel
from nnaccel_kernels.cuda.skeletons.overlapping_windows import sum_over_windows
from nnaccel_kernels.window import Window

__all__ = ["col2im", "im2col"]

_UNROLL = 4  # taps of a row that are loaded before the first is stored


@cache
def _im2col(size: FixedSize) -> ImageKernel:
    fixed = fixed_window(size)

    def im2col(n, c, i, j, first_tap, args):  # type: ignore[no-untyped-def]
        x, cols, window, channel_step, tap_step = args[0], args[1], fixed(args[2]), args[3], args[4]
        width, zero = window.kernel_size[1], x.dtype.type(0)
        pixels = cuda.local.array(_UNROLL, x.dtype)
        for r in range(window.kernel_size[0]):
            h = row(i, r, window)
            for first in range(0, width, _UNROLL):
                for s in range(_UNROLL):
                    v = column(j, first + s, window)
                    pixel = x[n, c, clamp(h, x.shape[2]), clamp(v, x.shape[3])]
                    pixels[s] = pixel if is_inside(h, v, x) else zero
                for s in range(_UNROLL):
                    if first + s < width:
                        tap = r * width + first + s
                        cols[n, c * channel_step + tap * tap_step, i, j] = pixels[s]

    return ImageKernel(named_by_size(im2col, size))


@sum_over_windows
def _entries(n, c, i, j, r, s, covers, cols, window, args):  # type: ignore[no-untyped-def]
    channel_step, tap_step = args
    tap = r * window.kernel_size[1] + s if covers else 0
    return cols[n, c * channel_step + tap * tap_step, i, j]


@cache
def _col2im(size: FixedSize) -> PixelKernel:
    fixed = fixed_window(size)

    def col2im(n, c, h, v, args):  # type: ignore[no-untyped-def]
        return _entries(n, c, h, v, args[0], fixed(args[1]), args[2:])

    return PixelKernel(named_by_size(col2im, size))


def im2col(x: Any, window: Window, cols: Any) -> None:
    """cols[n, (c, r, s), (i, j)] = pixel of channel c under tap (r, s) at position (i, j)."""
    unfold(x, window, _as_image(cols, x, window), by_tap=False)


def col2im(cols: Any, window: Window, dx: Any) -> None:
    """The adjoint of im2col: add each entry of cols to the pixel that im2col reads it from."""
    fold(_as_image(cols, dx, window), window, dx, by_tap=False)


def unfold(x: Any, window: Window, cols: Any, *, by_tap: bool) -> None:
    """im2col into cols (N, C*R*S, OH, OW); `by_tap` orders its channels (R, S, C)."""
    channel_step, tap_step = _steps(x, window, by_tap)
    first_taps = cols[:, : x.shape[1] * channel_step : channel_step]
    _im2col(fixed_size(window))(first_taps, x, cols, window, channel_step, tap_step)


def fold(cols: Any, window: Window, dx: Any, *, by_tap: bool) -> None:
    """The adjoint of `unfold`."""
    _col2im(fixed_size(window))(dx, cols, window, *_steps(dx, window, by_tap))


def _steps(image: Any, window: Window, by_tap: bool) -> tuple[int, int]:
    """Strides of a channel and of a tap along the rows of cols."""
    return (1, image.shape[1]) if by_tap else (window.kernel_size[0] * window.kernel_size[1], 1)


def _as_image(cols: Any, image: Any, window: Window) -> Any:
    return cols.reshape(*cols.shape[:2], *window.output_size(*image.shape[2:]))
