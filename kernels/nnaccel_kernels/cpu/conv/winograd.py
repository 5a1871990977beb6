"""Winograd's minimal filtering: 3x3 convolution of stride 1 with a quarter of the multiplications.

The image is cut into tiles of 4x4 results. A tile's 6x6 pixels and the filters are transformed
once each; there the convolution is 36 small matrix products, whose results are transformed back
[1]_. The gradient of the input is the same with turned filters; the gradient of the weights is the
adjoint: products of transformed pixels with transformed gradients, summed over all tiles.

.. [1] A. Lavin and S. Gray, "Fast algorithms for convolutional neural networks", CVPR 2016.
"""

from __future__ import annotations

import numpy as np

from nnaccel_kernels.cpu.conv.band import flat_images, load_rows, store_rows
from nnaccel_kernels.cpu.conv.reduction import rooms_for
from nnaccel_kernels.cpu.conv.shape import Problem
from nnaccel_kernels.cpu.conv.winograd_tiles import (
    POINTS,
    SIDE,
    TILE,
    plan_tiles,
    transform_back,
    transform_pixels,
    transform_taps,
)
from nnaccel_kernels.cpu.conv.winograd_weights import parts_of, weight_gradient
from nnaccel_kernels.cpu.matmul.epilogue import Ending, ending, finish_pixels
from nnaccel_kernels.cpu.matmul.matmul import STRIP_BYTES, product_of_strips
from nnaccel_kernels.cpu.runtime.kernel import kernel
from nnaccel_kernels.cpu.runtime.sharing import claimed, share, threads_for
from nnaccel_kernels.cpu.runtime.thread_pool import thread_pool
from nnaccel_kernels.window import Window

__all__ = ["forward", "input_gradient", "weight_gradient", "workspace"]


@kernel
def _filters(rank, size, w, turned, products, rooms):  # type: ignore[no-untyped-def]
    """products (36, strips, rows, lanes): rows run over what is summed, lanes over results."""
    _, strips, height, lanes = products.shape
    columns = w.shape[1] if turned else w.shape[0]
    apart = strips * height * lanes
    room = rooms[rank]
    lo, hi = share(strips * height, rank, size)
    for item in range(lo, hi):
        strip, row = item // height, item % height
        for lane in range(lanes):
            column = strip * lanes + lane
            k, c = (row, column) if turned else (column, row)
            for tap in range(9):
                at = (8 - tap if turned else tap) * lanes + lane
                room[at] = w[k, c, tap // 3, tap % 3] if column < columns else 0
        transform_taps(
            lanes, room, 0, 3 * lanes, lanes, products, item * lanes, SIDE * apart, apart
        )


@kernel
def _convolve(  # type: ignore[no-untyped-def]
    rank, size, tile_rows, top, left, xs, x, products, b, code, alpha, ys, y, counters, rooms
):
    room = rooms[rank]
    lanes, vector = products.shape[3], products.shape[3] // 2
    strip = products.shape[2] * lanes
    down, across = (ys.height + TILE - 1) // TILE, (ys.width + TILE - 1) // TILE
    depth = (xs.channels + vector - 1) // vector * vector
    result = (ys.channels + vector - 1) // vector * vector
    width = across * TILE
    band = SIDE * (width + 2) * max(depth, result)
    for item in claimed(counters, rank, size, (xs.batch * down + tile_rows - 1) // tile_rows):
        begin = item * tile_rows
        end = min(xs.batch * down, begin + tile_rows)
        tiles = (end - begin) * across
        pixels, results = band, band + POINTS * tiles * depth
        for row in range(begin, end):
            n, i = row // down, row % down * TILE
            load_rows(x, xs, n, 0, xs.channels, i - top, -left, SIDE, width + 2, room, 0, depth)
            for j in range(across):
                transform_pixels(
                    depth, room, j * TILE * depth, (width + 2) * depth, depth,
                    room, pixels + ((row - begin) * across + j) * depth,
                    SIDE * tiles * depth, tiles * depth,
                )  # fmt: skip
        for point in range(POINTS):
            product_of_strips(
                tiles, ys.channels, xs.channels, room, pixels + point * tiles * depth, depth, 1,
                products, point * products.shape[1] * strip, strip,
                room, results + point * tiles * result, result, 0,
            )  # fmt: skip
        for row in range(begin, end):
            n, i = row // down, row % down * TILE
            for j in range(across):
                transform_back(
                    result, room, results + ((row - begin) * across + j) * result,
                    SIDE * tiles * result, tiles * result,
                    room, j * TILE * result, width * result, result,
                )  # fmt: skip
            finish_pixels(room, 0, TILE * width, result, b, 0, ys.channels, code, alpha)
            store_rows(room, 0, result, width, y, ys, n, 0, ys.channels, i, TILE)


def forward(
    x: np.ndarray, w: np.ndarray, end: Ending, window: Window, groups: int, y: np.ndarray
) -> None:
    """y = f(conv2d(x, w) + b), where `end` holds f and b."""
    top, _, left, _ = window.padding
    _run(x, w, False, top, left, end, y)


def input_gradient(
    dy: np.ndarray, w: np.ndarray, window: Window, groups: int, dx: np.ndarray
) -> None:
    """dx of conv2d, which is dy convolved with the filters turned by half a turn."""
    top, _, left, _ = window.padding
    nothing = ending(None, "linear", 0.0, dx.dtype)
    _run(dy, w, True, 2 - top, 2 - left, nothing, dx)


def _run(
    x: np.ndarray,
    w: np.ndarray,
    turned: bool,
    top: int,
    left: int,
    end: Ending,
    y: np.ndarray,
) -> None:
    """y = x convolved with w, or with its filters turned."""
    flat_x, xs = flat_images(x)
    flat_y, ys = flat_images(y)
    rows, words = plan_tiles(ys, xs.channels, ys.channels, y.itemsize, thread_pool().size)
    lanes = STRIP_BYTES // y.itemsize
    shape = POINTS, -(-ys.channels // lanes), xs.channels, lanes
    products, counters, rooms = rooms_for(y.dtype, shape, words)
    _filters(w, turned, products, rooms, width=threads_for(40.0 * w.size))
    _convolve(
        rows, top, left, xs, flat_x, products, *end, ys, flat_y, counters, rooms, width=len(rooms)
    )  # fmt: skip


def workspace(problem: Problem, threads: int) -> int:
    """How many elements of workspace are needed."""
    xs, ys, itemsize = problem.xs, problem.ys, problem.itemsize
    if problem.direction == "input_gradient":
        xs, ys = ys, xs
    lanes = STRIP_BYTES // itemsize
    wide = -(-ys.channels // lanes) * lanes
    if problem.direction != "weight_gradient":
        words = plan_tiles(ys, xs.channels, ys.channels, itemsize, threads)[1]
        shared = POINTS * wide * xs.channels
    else:
        words = plan_tiles(ys, xs.channels, ys.channels, itemsize)[1]
        words = max(words, (POINTS + 9) * wide)
        shared = POINTS * xs.channels * ys.channels
        shared *= parts_of(problem.w_shape, ys, itemsize)
    return shared + threads * words
