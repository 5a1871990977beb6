"""Pooling: each pixel of y from the pixels of x under its window; taps in the padding are left out.

In channels-last images a thread takes several neighbouring channels at a time.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from numba import cuda

from nnaccel_kernels.cuda.runtime.index import clamp, column, device, is_inside, row
from nnaccel_kernels.cuda.runtime.launch import THREADS, blocks, launch, named
from nnaccel_kernels.cuda.runtime.vectors import vectors
from nnaccel_kernels.cuda.skeletons.fixed_window import FixedSize, fixed_window, named_by_size
from nnaccel_kernels.cuda.skeletons.image import PixelKernel
from nnaccel_kernels.cuda.skeletons.matrix import as_matrix, block_shape
from nnaccel_kernels.window import Window

_MAX_BLOCKS = 4096  # enough to fill any device


class PoolingKernel:
    """Sets y[n, c, i, j] = finish(value, i, j, window, args), for plain functions of numbers.

    The value is `start`, and then fold(pixel, value) for each pixel of x under the window.
    """

    def __init__(self, size: FixedSize, start: Any, fold: Any, finish: Any) -> None:
        functions = size, start, device(fold), device(finish)
        name = named_by_size(finish, size).__name__
        self.by_pixel = PixelKernel(_by_pixel(name, *functions))
        self.by_column = cache(lambda lanes: named(name, _by_column(*functions, lanes)))

    def __call__(self, y: Any, x: Any, window: Window, *args: Any) -> None:
        """Launch over the images y (N, C, I, J) and x (N, C, H, W)."""
        out, source = as_matrix(y), as_matrix(x)
        if out and source and out.channels_last and source.channels_last and y.size:
            out = out._replace(lanes=min(out.lanes, source.lanes))
            block = block_shape(out, THREADS)
            across, down = blocks(out.columns // out.lanes, block[0]), blocks(out.rows, block[1])
            grid = across, min(down, max(1, _MAX_BLOCKS // across))
            kernel, flat = self.by_column(out.lanes), (out.arrays, source.arrays)
            launch(kernel, grid, block, y, x, *flat, window, args)
        else:
            self.by_pixel(y, x, window, args)


def _by_column(size: FixedSize, start: Any, fold: Any, finish: Any, lanes: int) -> Any:
    mapped, folded = vectors(lanes).mapped, vectors(lanes).folded
    fixed, starts = fixed_window(size), ((start,),) * lanes

    def kernel(y, x, outputs, inputs, window, args):  # type: ignore[no-untyped-def]
        channel, position = cuda.grid(2)
        channel *= lanes
        _, channels, height, width = y.shape
        taps = fixed(window).kernel_size
        while channel < channels and position < y.shape[0] * height * width:
            line = position // width
            n = line // height
            i, j, value = line - n * height, position - line * width, starts
            for r in range(taps[0]):
                for s in range(taps[1]):
                    h, v = row(i, r, fixed(window)), column(j, s, fixed(window))
                    pixel = clamp(h, x.shape[2]) * x.shape[3] + clamp(v, x.shape[3])
                    place = (n * x.shape[2] * x.shape[3] + pixel) * channels + channel
                    more = folded(fold, value, inputs, place)
                    value = more if is_inside(h, v, x) else value
            place = position * channels + channel
            mapped(finish, outputs, (), place, value, (i, j, fixed(window), args))
            position += cuda.gridsize(2)[1]

    return kernel


def _by_pixel(name: str, size: FixedSize, start: Any, fold: Any, finish: Any) -> Any:
    fixed = fixed_window(size)

    def by_pixel(n, c, i, j, args):  # type: ignore[no-untyped-def]
        x, window, value = args[0], fixed(args[1]), start
        for r in range(window.kernel_size[0]):
            for s in range(window.kernel_size[1]):
                h, v = row(i, r, window), column(j, s, window)
                more = fold(x[n, c, clamp(h, x.shape[2]), clamp(v, x.shape[3])], value)
                value = more if is_inside(h, v, x) else value
        return finish(value, i, j, window, args[2])

    by_pixel.__name__ = name
    return by_pixel
