"""Pooling: each pixel of y from the pixels of x under its window; taps in the padding are left out.

A thread takes several neighbours in memory at a time where it can.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from numba import cuda, int32

from nnaccel_kernels.cuda.runtime.divide import divide
from nnaccel_kernels.cuda.runtime.index import clamp, column, device, is_below, is_inside, row
from nnaccel_kernels.cuda.runtime.launch import THREADS, launch, named
from nnaccel_kernels.cuda.runtime.vectors import vectors
from nnaccel_kernels.cuda.skeletons.fixed_window import FixedSize, fixed_window, named_by_size
from nnaccel_kernels.cuda.skeletons.image import PixelKernel
from nnaccel_kernels.cuda.skeletons.pooled import Variant, in_pieces
from nnaccel_kernels.window import Window


class PoolingKernel:
    """Sets y[n, c, i, j] = finish(value, more…), for plain functions of numbers.

    The value is `start`, and then fold(pixel, value) for each pixel of x under the window; `more`
    is the tuple more(i, j, window, args), or more_inside(i, j, window, args) where all windows lie
    within the images.
    """

    def __init__(
        self,
        size: FixedSize,
        start: Any,
        fold: Any,
        finish: Any,
        more: Any = None,
        more_inside: Any = None,
    ) -> None:
        name = named_by_size(finish, size).__name__
        ends = device(fold), device(finish)
        everywhere, inside = (device(f or _nothing) for f in (more, more_inside))
        self.by_pixel = PixelKernel(_by_pixel(name, size, start, *ends, everywhere))
        self.by_vector = cache(
            lambda variant: named(
                name, _by_vector(variant, start, *ends, inside if variant.inside else everywhere)
            )
        )

    def __call__(self, y: Any, x: Any, window: Window, *args: Any) -> None:
        """Launch over the images y (N, C, I, J) and x (N, C, H, W)."""
        pieces = list(in_pieces(window, (x,), (y,)))
        for piece in pieces:
            kernel, arrays = self.by_vector(piece.variant), (*piece.x, *piece.y)
            launch(kernel, *piece.grid(THREADS), *arrays, piece.sizes, piece.window, args)
        if not pieces:
            self.by_pixel(y, x, window, args)


def _nothing(i, j, window, args):  # type: ignore[no-untyped-def]
    return ()


@device
def _nearest(index, size):  # type: ignore[no-untyped-def]
    """An index from which a load is safe, and whether it is the given one."""
    return clamp(index, size), is_below(index, size)


@device
def _itself(index, size):  # type: ignore[no-untyped-def]
    return index, True


def _by_vector(variant: Variant, start: Any, fold: Any, finish: Any, more: Any) -> Any:
    size, lanes, run, inside = variant
    mapped, folded = vectors(lanes).mapped, vectors(lanes * run).folded
    fixed, starts, checked = (
        fixed_window(size),
        ((start,),) * lanes,
        _itself if inside else _nearest,
    )

    def kernel(x, y, sizes, window, args):  # type: ignore[no-untyped-def]
        sliding, inputs = fixed(window), (x,)
        first, position = cuda.grid(2)
        channel, position = int32(first * lanes), int32(position)
        step, pixel_step = int32(cuda.gridsize(2)[1]), int32(sizes.channels * run)
        while channel < sizes.channels and position < sizes.positions:
            line, j = divide(position, sizes.columns)
            n, i = divide(line, sizes.rows)
            top, left, value = int32(row(i, 0, sliding)), int32(column(j, 0, sliding)), starts
            for r in range(sliding.kernel_size[0]):
                h, in_rows = checked(int32(top + r * sliding.dilation[0]), sizes.height)
                line = int32((n * sizes.height + h) * sizes.width)
                for s in range(sliding.kernel_size[1]):
                    v, in_columns = checked(int32(left + s * sliding.dilation[1]), sizes.width)
                    place = int32((line + v) * pixel_step + channel * run)
                    folds = folded(fold, value, inputs, place)
                    value = folds if in_rows and in_columns else value
            place = int32(position * sizes.channels + channel)
            mapped(finish, (y,), (), place, value, more(i, j, sliding, args))
            position = int32(position + step)

    return kernel


def _by_pixel(name: str, size: FixedSize, start: Any, fold: Any, finish: Any, more: Any) -> Any:
    fixed = fixed_window(size)

    def by_pixel(n, c, i, j, args):  # type: ignore[no-untyped-def]
        x, window, value = args[0], fixed(args[1]), start
        for r in range(window.kernel_size[0]):
            for s in range(window.kernel_size[1]):
                h, v = row(i, r, window), column(j, s, window)
                folded = fold(x[n, c, clamp(h, x.shape[2]), clamp(v, x.shape[3])], value)
                value = folded if is_inside(h, v, x) else value
        return finish(value, *more(i, j, window, args[2]))

    by_pixel.__name__ = name
    return by_pixel
