"""Sums over the pixels of each channel, of images that lie in memory in the same order."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
from numba import cuda

from nnaccel_kernels.cuda.runtime.index import device
from nnaccel_kernels.cuda.runtime.launch import THREADS, blocks, launch, named
from nnaccel_kernels.cuda.runtime.namespace import namespace_of
from nnaccel_kernels.cuda.runtime.vectors import vectors
from nnaccel_kernels.cuda.skeletons.channel_reduction import ChannelReduction, sum_parts
from nnaccel_kernels.cuda.skeletons.matrix import Matrix, as_matrix, block_shape, items
from nnaccel_kernels.half import wide

_MAX_PARTS = 512  # partial sums of a channel
_MAX_BLOCKS = 4096
_ROWS = 16  # a thread, at least


class ChannelSum:
    """Sets total[c] = sum of f(x[n, c, i, j]…, v[c]…) over n, i and j, for a plain function f.

    Many pixels are summed in parts; the order is fixed, so a result is the same every time.
    """

    def __init__(self, f: Any) -> None:
        name, body = f.__name__.strip("_"), device(f)
        self.by_column = cache(lambda *kind: named(name, _by_column(body, *kind)))
        self.by_row = cache(lambda *kind: named(name, _by_row(body, *kind)))
        self.by_pixel = cache(lambda *counts: ChannelReduction(_by_pixel(f, *counts)))

    def __call__(self, total: Any, x: tuple[Any, ...], v: tuple[Any, ...] = ()) -> None:
        """Fill total (C,), from images x (N, C, H, W) and vectors v (C,)."""
        matrix, size = as_matrix(*x), total.size
        if matrix is None or not matrix.columns:
            self.by_pixel(len(x), len(v))(total.reshape(-1, 1), x[0], x, v)
            return
        block = block_shape(matrix, THREADS)
        if matrix.channels_last:
            kernel, across = self.by_column, blocks(size, block[0] * matrix.lanes)
            rows = matrix.rows
        else:
            kernel, across, rows = self.by_row, size, len(x[0])
        parts = _parts(matrix, rows, block, across)
        dtype = wide(x[0].dtype)
        sums = (
            total.reshape(1, size)
            if parts == 1
            else namespace_of(total).empty((parts, size), dtype)
        )
        args = rows, matrix.columns, sums, matrix.arrays, v
        launch(kernel(matrix.lanes, dtype, THREADS), (across, parts), block, *args)
        if parts > 1:
            sum_parts(total.reshape(1, size, 1, 1), sums.reshape(parts, size, 1))


def _parts(matrix: Matrix, rows: int, block: tuple[int, int], across: int) -> int:
    """Number of partial sums: enough blocks for any device, with enough to do for each thread."""
    taken = 1 if matrix.channels_last else blocks(matrix.columns, block[0] * matrix.lanes)
    down = blocks(rows, block[1] * max(1, _ROWS // taken))
    return max(1, min(down, _MAX_PARTS, _MAX_BLOCKS // across))


def _by_column(f: Any, lanes: int, dtype: np.dtype[Any], threads: int) -> Any:
    added, held = vectors(lanes).added, vectors(lanes).held
    zeros, size = (dtype.type(0),) * lanes, threads * lanes

    def kernel(rows, columns, total, inputs, v):  # type: ignore[no-untyped-def]
        shared = cuda.shared.array(size, total.dtype)
        column, row = cuda.grid(2)
        column *= lanes
        sums, slot = zeros, (cuda.threadIdx.y * cuda.blockDim.x + cuda.threadIdx.x) * lanes
        if column < columns:
            kept = held(v, column)
            while row < rows:
                sums = added(f, sums, inputs, row * columns + column, kept, ())
                row += cuda.gridsize(2)[1]
        for k in range(lanes):
            shared[slot + k] = sums[k]
        _write(shared, size, cuda.blockDim.x * lanes, total)

    return kernel


def _by_row(f: Any, lanes: int, dtype: np.dtype[Any], threads: int) -> Any:
    added, held = vectors(lanes).added, vectors(1).held
    zero = (dtype.type(0),)

    def kernel(images, columns, total, inputs, v):  # type: ignore[no-untyped-def]
        shared = cuda.shared.array(threads, total.dtype)
        c, sums = cuda.blockIdx.x, zero
        n = cuda.blockIdx.y * cuda.blockDim.y + cuda.threadIdx.y
        kept = held(v, c)
        while n < images:
            column, start = cuda.threadIdx.x * lanes, (n * total.shape[1] + c) * columns
            while column < columns:
                sums = added(f, sums, inputs, start + column, kept, ())
                column += cuda.blockDim.x * lanes
            n += cuda.gridDim.y * cuda.blockDim.y
        shared[cuda.threadIdx.y * cuda.blockDim.x + cuda.threadIdx.x] = sums[0]
        _write(shared, threads, 1, total)

    return kernel


@device
def _write(shared, size, width, total):  # type: ignore[no-untyped-def]
    """Add up the rows of `width` sums that a block shares, and write them to its part."""
    thread, threads = cuda.threadIdx.y * cuda.blockDim.x + cuda.threadIdx.x, cuda.blockDim.x
    threads *= cuda.blockDim.y
    half = size // 2
    cuda.syncthreads()
    while half >= width:
        slot = thread
        while slot < half:
            shared[slot] += shared[slot + half]
            slot += threads
        cuda.syncthreads()
        half //= 2
    slot, first = thread, cuda.blockIdx.x * width
    while slot < width and first + slot < total.shape[1]:
        total[cuda.blockIdx.y, first + slot] = shared[slot]
        slot += threads


def _by_pixel(f: Any, images: int, vectors: int) -> Any:
    value, pixels, of_channel = device(f), items(images), items(vectors)

    def by_pixel(c, t, n, i, j, a, args):  # type: ignore[no-untyped-def]
        x, v = args
        return value(*pixels(x, (n, c, i, j)), *of_channel(v, c))

    by_pixel.__name__ = f.__name__
    return by_pixel
