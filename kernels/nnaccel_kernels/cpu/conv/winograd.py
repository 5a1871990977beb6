"""Winograd's minimal filtering: 3x3 convolution of stride 1 with a quarter of the multiplications.

Output is computed in tiles of 4x4 pixels, each from 6x6 pixels of the input. Input tiles and
filters are transformed; their convolution is then 36 matrix products, whose results are transformed
back [1]_. The gradient of the input is the same with filters rotated by 180 degrees. The gradient
of the weights is the adjoint: products of transformed tiles of input and gradient, summed over all
tiles.

.. [1] A. Lavin and S. Gray, "Fast algorithms for convolutional neural networks", CVPR 2016.
"""

from __future__ import annotations

import numpy as np

from nnaccel_kernels.cpu.conv.band import flat_images, load_rows, store_rows
from nnaccel_kernels.cpu.conv.shape import Problem
from nnaccel_kernels.cpu.conv.winograd_tiles import (
    POINTS,
    SIDE,
    TILE,
    split_tiles,
    transform_back,
    transform_pixels,
    transform_taps,
)
from nnaccel_kernels.cpu.conv.winograd_weights import parts_of, weight_gradient
from nnaccel_kernels.cpu.matmul.epilogue import Epilogue, apply_epilogue, epilogue_of
from nnaccel_kernels.cpu.matmul.product import STRIP_BYTES, product_of_strips
from nnaccel_kernels.cpu.runtime.kernel import kernel
from nnaccel_kernels.cpu.runtime.sharing import share, threads_for, work_items
from nnaccel_kernels.cpu.runtime.thread_pool import thread_pool
from nnaccel_kernels.cpu.runtime.workspace import thread_workspaces
from nnaccel_kernels.window import Window

__all__ = ["forward", "input_gradient", "weight_gradient", "workspace_size"]


@kernel
def _transform_filters(rank, size, w, rotated, filters, workspaces):  # type: ignore[no-untyped-def]
    """filters (36, strips, input channels, lanes) = w transformed; lanes are output channels."""
    _, strips, height, lanes = filters.shape
    columns = w.shape[1] if rotated else w.shape[0]
    apart = strips * height * lanes
    work = workspaces[rank]
    lo, hi = share(strips * height, rank, size)
    for item in range(lo, hi):
        strip, row = item // height, item % height
        for lane in range(lanes):
            column = strip * lanes + lane
            k, c = (row, column) if rotated else (column, row)
            for tap in range(9):
                at = (8 - tap if rotated else tap) * lanes + lane
                work[at] = w[k, c, tap // 3, tap % 3] if column < columns else 0
        transform_taps(lanes, work, 0, 3 * lanes, lanes, filters, item * lanes, SIDE * apart, apart)


@kernel
def _convolve_tiles(  # type: ignore[no-untyped-def]
    rank, size, tile_rows, top, left, xs, x, filters, b, code, alpha, ys, y, counters, workspaces
):
    work = workspaces[rank]
    lanes, vector = filters.shape[3], filters.shape[3] // 2
    strip = filters.shape[2] * lanes
    down, across = (ys.height + TILE - 1) // TILE, (ys.width + TILE - 1) // TILE
    depth = (xs.channels + vector - 1) // vector * vector
    result = (ys.channels + vector - 1) // vector * vector
    width = across * TILE
    band = SIDE * (width + 2) * max(depth, result)
    for item in work_items(counters, rank, size, (xs.batch * down + tile_rows - 1) // tile_rows):
        begin = item * tile_rows
        end = min(xs.batch * down, begin + tile_rows)
        tiles = (end - begin) * across
        pixels, results = band, band + POINTS * tiles * depth
        for row in range(begin, end):
            n, i = row // down, row % down * TILE
            load_rows(x, xs, n, 0, xs.channels, i - top, -left, SIDE, width + 2, work, 0, depth)
            for j in range(across):
                transform_pixels(
                    depth, work, j * TILE * depth, (width + 2) * depth, depth,
                    work, pixels + ((row - begin) * across + j) * depth,
                    SIDE * tiles * depth, tiles * depth,
                )  # fmt: skip
        for point in range(POINTS):
            product_of_strips(
                tiles, ys.channels, xs.channels, work, pixels + point * tiles * depth, depth, 1,
                filters, point * filters.shape[1] * strip, strip,
                work, results + point * tiles * result, result, 0,
            )  # fmt: skip
        for row in range(begin, end):
            n, i = row // down, row % down * TILE
            for j in range(across):
                transform_back(
                    result, work, results + ((row - begin) * across + j) * result,
                    SIDE * tiles * result, tiles * result,
                    work, j * TILE * result, width * result, result,
                )  # fmt: skip
            apply_epilogue(work, 0, TILE * width, result, b, 0, ys.channels, code, alpha)
            store_rows(work, 0, result, width, y, ys, n, 0, ys.channels, i, TILE)


def forward(
    x: np.ndarray, w: np.ndarray, epilogue: Epilogue, window: Window, groups: int, y: np.ndarray
) -> None:
    """y = f(conv2d(x, w) + b), where `epilogue` holds f and b."""
    top, _, left, _ = window.padding
    _convolve(x, w, False, top, left, epilogue, y)


def input_gradient(
    dy: np.ndarray, w: np.ndarray, window: Window, groups: int, dx: np.ndarray
) -> None:
    """dx of conv2d: the convolution of dy with the filters rotated by 180 degrees."""
    top, _, left, _ = window.padding
    nothing = epilogue_of(None, "linear", 0.0, dx.dtype)
    _convolve(dy, w, True, 2 - top, 2 - left, nothing, dx)


def _convolve(
    x: np.ndarray,
    w: np.ndarray,
    rotated: bool,
    top: int,
    left: int,
    epilogue: Epilogue,
    y: np.ndarray,
) -> None:
    """y = f(x convolved with w, or with its filters rotated, plus b)."""
    flat_x, xs = flat_images(x)
    flat_y, ys = flat_images(y)
    rows, elements = split_tiles(ys, xs.channels, ys.channels, y.itemsize, thread_pool().size)
    lanes = STRIP_BYTES // y.itemsize
    shape = POINTS, -(-ys.channels // lanes), xs.channels, lanes
    filters, counters, workspaces = thread_workspaces(y.dtype, shape, elements)
    _transform_filters(w, rotated, filters, workspaces, width=threads_for(40.0 * w.size))
    _convolve_tiles(
        rows, top, left, xs, flat_x, filters, *epilogue, ys, flat_y, counters,
        workspaces, width=len(workspaces),
    )  # fmt: skip


def workspace_size(problem: Problem, threads: int) -> int:
    """Elements of workspace."""
    xs, ys, itemsize = problem.xs, problem.ys, problem.itemsize
    if problem.direction == "input_gradient":
        xs, ys = ys, xs
    lanes = STRIP_BYTES // itemsize
    wide = -(-ys.channels // lanes) * lanes
    if problem.direction != "weight_gradient":
        elements = split_tiles(ys, xs.channels, ys.channels, itemsize, threads)[1]
        shared = POINTS * wide * xs.channels
    else:
        elements = split_tiles(ys, xs.channels, ys.channels, itemsize)[1]
        elements = max(elements, (POINTS + 9) * wide)
        shared = POINTS * xs.channels * ys.channels
        shared *= parts_of(problem.w_shape, ys, itemsize)
    return shared + threads * elements
