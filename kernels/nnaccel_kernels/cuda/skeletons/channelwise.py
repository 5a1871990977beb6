"""Elementwise kernels over images, with a number for each channel.

Images that lie in memory in the same order are taken as a matrix, several neighbours at a time. Its
columns are the channels of channels-last images, else the pixels of a channel.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from numba import cuda

from nnaccel_kernels.cuda.runtime.index import device
from nnaccel_kernels.cuda.runtime.launch import THREADS, blocks, launch, named, power_of_two
from nnaccel_kernels.cuda.runtime.vectors import lanes_of, vectors
from nnaccel_kernels.cuda.skeletons.elementwise import ElementwiseKernel
from nnaccel_kernels.cuda.skeletons.image import UnrolledPixelKernel

_MAX_BLOCKS = 2048  # enough to fill any device
_ROW_THREADS = 64  # at most, on the pixels of a channel: with more the last ones have none


class ChannelwiseKernel:
    """Sets y[n, c, i, j] = f(x[n, c, i, j]…, v[c]…, numbers…), for a plain function f of numbers."""

    def __init__(self, f: Any) -> None:
        name, body = f.__name__.strip("_"), device(f)
        self.flat = ElementwiseKernel(f)
        self.by_column = cache(lambda lanes: named(name, _by_column(body, lanes)))
        self.by_row = cache(lambda lanes: named(name, _by_row(body, lanes)))
        self.by_pixel = cache(lambda *counts: UnrolledPixelKernel(_by_pixel(f, *counts)))

    def __call__(self, y: Any, x: tuple[Any, ...], v: tuple[Any, ...], *numbers: Any) -> None:
        """Launch over images x and y (N, C, H, W) and vectors v (C,); y may be one of x."""
        if not y.size:
            return
        last = all(_channels_last(a).flags.c_contiguous for a in (y, *x))
        if not last and not all(a.flags.c_contiguous for a in (y, *x)):
            self.by_pixel(len(x), len(v))(y, x, v, numbers)
            return
        out, *inputs = (_channels_last(a).reshape(-1) if last else a.reshape(-1) for a in (y, *x))
        if not v:
            self.flat((out,), tuple(inputs), *numbers)
            return
        n, channels, height, width = y.shape
        rows, columns = (n * height * width, channels) if last else (n * channels, height * width)
        lanes = min(lanes_of(out, *inputs), columns & -columns)  # which divides the columns
        limit = THREADS if last else min(THREADS, _ROW_THREADS)
        block_columns = power_of_two(columns // lanes, limit)
        block = block_columns, THREADS // block_columns
        across, down = blocks(columns // lanes, block[0]), blocks(rows, block[1])
        if last:
            kernel, grid = self.by_column, (across, min(down, max(1, _MAX_BLOCKS // across)))
        else:
            down = min(down, _MAX_BLOCKS)
            kernel, grid = self.by_row, (min(across, max(1, _MAX_BLOCKS // down)), down)
        launch(kernel(lanes), grid, block, rows, columns, out, tuple(inputs), v, numbers)


def _channels_last(image: Any) -> Any:
    return image.transpose(0, 2, 3, 1)


def _by_column(f: Any, lanes: int) -> Any:
    mapped, held = vectors(lanes).mapped, vectors(lanes).held

    def kernel(rows, columns, y, x, v, numbers):  # type: ignore[no-untyped-def]
        column, row = cuda.grid(2)
        column *= lanes
        if column < columns:
            kept = held(v, column)
            while row < rows:
                mapped(f, (y,), x, row * columns + column, kept, numbers)
                row += cuda.gridsize(2)[1]

    return kernel


def _by_row(f: Any, lanes: int) -> Any:
    mapped, held = vectors(lanes).mapped, vectors(1).held

    def kernel(rows, columns, y, x, v, numbers):  # type: ignore[no-untyped-def]
        first, row = cuda.grid(2)
        step, row_step = cuda.gridsize(2)
        while row < rows:
            kept, column = held(v, row % v[0].size), first * lanes
            while column < columns:
                mapped(f, (y,), x, row * columns + column, kept, numbers)
                column += step * lanes
            row += row_step

    return kernel


def _by_pixel(f: Any, images: int, vectors: int) -> Any:
    value, pixels, numbers_of = device(f), _items(images), _items(vectors)

    def by_pixel(n, c, i, j, args):  # type: ignore[no-untyped-def]
        x, v, numbers = args
        return value(*pixels(x, (n, c, i, j)), *numbers_of(v, c), *numbers)

    by_pixel.__name__ = f.__name__
    return by_pixel


@cache
def _items(count: int) -> Any:
    """A device function that gives the item of each of `count` arrays at an index."""
    if not count:
        return device(lambda arrays, index: ())
    rest = _items(count - 1)

    @device
    def items(arrays, index):  # type: ignore[no-untyped-def]
        return arrays[0][index], *rest(arrays[1:], index)

    return items
