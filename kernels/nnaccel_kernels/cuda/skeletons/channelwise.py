"""Elementwise kernels over images, with a number for each channel."""

from __future__ import annotations

from functools import cache
from typing import Any

from numba import cuda

from nnaccel_kernels.cuda.runtime.index import device
from nnaccel_kernels.cuda.runtime.launch import THREADS, blocks, launch, named
from nnaccel_kernels.cuda.runtime.vectors import vectors
from nnaccel_kernels.cuda.skeletons.elementwise import ElementwiseKernel
from nnaccel_kernels.cuda.skeletons.image import UnrolledPixelKernel
from nnaccel_kernels.cuda.skeletons.matrix import as_matrix, block_shape, items

_MAX_BLOCKS = 2048  # enough to fill any device


class ChannelwiseKernel:
    """Sets y[n, c, i, j] = f(x[n, c, i, j]…, v[c]…, numbers…), for a plain function of numbers."""

    def __init__(self, f: Any) -> None:
        name, body = f.__name__.strip("_"), device(f)
        self.flat = ElementwiseKernel(f)
        self.by_column = cache(lambda lanes: named(name, _by_column(body, lanes)))
        self.by_row = cache(lambda lanes: named(name, _by_row(body, lanes)))
        self.by_pixel = cache(lambda *counts: UnrolledPixelKernel(_by_pixel(f, *counts)))

    def __call__(self, y: Any, x: tuple[Any, ...], v: tuple[Any, ...], *numbers: Any) -> None:
        """Launch over images x and y (N, C, H, W) and vectors v (C,); y may be one of x."""
        matrix = as_matrix(y, *x)
        if matrix is None:
            self.by_pixel(len(x), len(v))(y, x, v, numbers)
        elif not v:
            self.flat(matrix.arrays[:1], matrix.arrays[1:], *numbers)
        elif y.size:
            block = block_shape(matrix, THREADS)
            across = blocks(matrix.columns // matrix.lanes, block[0])
            down = blocks(matrix.rows, block[1])
            if matrix.channels_last:
                kernel, grid = self.by_column, (across, min(down, max(1, _MAX_BLOCKS // across)))
            else:
                down = min(down, _MAX_BLOCKS)
                kernel, grid = self.by_row, (min(across, max(1, _MAX_BLOCKS // down)), down)
            args = matrix.rows, matrix.columns, matrix.arrays[:1], matrix.arrays[1:], v, numbers
            launch(kernel(matrix.lanes), grid, block, *args)


def _by_column(f: Any, lanes: int) -> Any:
    mapped, held = vectors(lanes).mapped, vectors(lanes).held

    def kernel(rows, columns, outputs, inputs, v, numbers):  # type: ignore[no-untyped-def]
        column, row = cuda.grid(2)
        column *= lanes
        if column < columns:
            kept = held(v, column)
            while row < rows:
                mapped(f, outputs, inputs, row * columns + column, kept, numbers)
                row += cuda.gridsize(2)[1]

    return kernel


def _by_row(f: Any, lanes: int) -> Any:
    mapped, held = vectors(lanes).mapped, vectors(1).held

    def kernel(rows, columns, outputs, inputs, v, numbers):  # type: ignore[no-untyped-def]
        first, row = cuda.grid(2)
        step, row_step = cuda.gridsize(2)
        while row < rows:
            kept, column = held(v, row % v[0].size), first * lanes
            while column < columns:
                mapped(f, outputs, inputs, row * columns + column, kept, numbers)
                column += step * lanes
            row += row_step

    return kernel


def _by_pixel(f: Any, images: int, vectors: int) -> Any:
    value, pixels, of_channel = device(f), items(images), items(vectors)

    def by_pixel(n, c, i, j, args):  # type: ignore[no-untyped-def]
        x, v, numbers = args
        return value(*pixels(x, (n, c, i, j)), *of_channel(v, c), *numbers)

    by_pixel.__name__ = f.__name__
    return by_pixel
