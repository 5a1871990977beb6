"""Winograd's minimal filtering: 3x3 and 5x5 convolution of stride 1 with few multiplications.

Output is computed in tiles of 4x4 pixels, or 2x2 for 5x5 windows, each from 6x6 pixels of the
input: with a quarter of the multiplications, or 36 instead of 100. Input tiles and filters are
transformed; their convolution is then 36 matrix products, whose results are transformed back [1]_.
The gradient of the input is the same with filters rotated by 180 degrees. The gradient of the
weights is the adjoint: products of transformed tiles of input and gradient, summed over all tiles.

.. [1] A. Lavin and S. Gray, "Fast algorithms for convolutional neural networks", CVPR 2016.
"""

from __future__ import annotations

import numpy as np

from nnaccel_kernels.cpu.conv.band import flat_images, load_rows, store_rows
from nnaccel_kernels.cpu.conv.shape import Problem
from nnaccel_kernels.cpu.conv.winograd_tiles import (
    POINTS,
    SIDE,
    split_tiles,
    tile_of,
    transform_back,
    transform_pixels,
    transform_taps,
)
from nnaccel_kernels.cpu.conv.winograd_weights import parts_of, weight_gradient
from nnaccel_kernels.cpu.matmul.epilogue import Epilogue, apply_epilogue, epilogue_of
from nnaccel_kernels.cpu.matmul.kept_weights import weight_workspaces
from nnaccel_kernels.cpu.matmul.product import STRIP_BYTES, product_of_strips
from nnaccel_kernels.cpu.matmul.transpose import transpose
from nnaccel_kernels.cpu.runtime.kernel import kernel
from nnaccel_kernels.cpu.runtime.sharing import share, threads_for, work_items
from nnaccel_kernels.cpu.runtime.thread_pool import thread_pool
from nnaccel_kernels.window import Window

__all__ = ["forward", "input_gradient", "weight_gradient", "workspace_size"]


@kernel
def _transform_filters(rank, size, tile, w, taps, rotated, stale, filters, workspaces):  # type: ignore[no-untyped-def]
    """filters (36, strips, input channels, lanes) = w (K, C * taps) transformed.

    Lanes are output channels.
    """
    _, strips, height, lanes = filters.shape
    channels = w.shape[1] // taps
    columns, apart = (channels, taps) if rotated else (w.shape[0], channels * taps)
    # Rotated filters are read from their last tap.
    begin, sign = (taps - 1, -1) if rotated else (0, 1)
    point, side = strips * height * lanes, SIDE + 1 - tile
    work = workspaces[rank]
    lo, hi = share(strips * height, rank, size)
    for item in range(lo, hi):
        strip, row = item // height, item % height
        if not stale[strip]:
            continue
        inside = min(lanes, columns - strip * lanes)
        at = strip * lanes * apart + row * (channels * taps if rotated else taps)
        transpose(inside, taps, w, at, apart, work, 0, lanes)
        for tap in range(taps if inside < lanes else 0):
            work[tap * lanes + inside : (tap + 1) * lanes] = 0
        transform_taps(
            tile, lanes, work, begin * lanes, sign * side * lanes, sign * lanes,
            filters, item * lanes, SIDE * point, point,
        )  # fmt: skip


@kernel
def _convolve_tiles(  # type: ignore[no-untyped-def]
    rank,
    size,
    tile,
    tile_rows,
    top,
    left,
    xs,
    x,
    filters,
    b,
    code,
    alpha,
    ys,
    y,
    counters,
    workspaces,
):
    work = workspaces[rank]
    lanes, vector = filters.shape[3], filters.shape[3] // 2
    strip = filters.shape[2] * lanes
    down, across = (ys.height + tile - 1) // tile, (ys.width + tile - 1) // tile
    depth = (xs.channels + vector - 1) // vector * vector
    result = (ys.channels + vector - 1) // vector * vector
    width = across * tile
    pitch = width + SIDE - tile
    band = SIDE * pitch * max(depth, result)
    for item in work_items(counters, rank, size, (xs.batch * down + tile_rows - 1) // tile_rows):
        begin = item * tile_rows
        end = min(xs.batch * down, begin + tile_rows)
        tiles = (end - begin) * across
        pixels, results = band, band + POINTS * tiles * depth
        for row in range(begin, end):
            n, i = row // down, row % down * tile
            load_rows(x, xs, n, 0, xs.channels, i - top, -left, SIDE, pitch, work, 0, depth)
            for j in range(across):
                transform_pixels(
                    depth, work, j * tile * depth, pitch * depth, depth,
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
            n, i = row // down, row % down * tile
            for j in range(across):
                transform_back(
                    tile, result, work, results + ((row - begin) * across + j) * result,
                    SIDE * tiles * result, tiles * result,
                    work, j * tile * result, width * result, result,
                )  # fmt: skip
            apply_epilogue(work, 0, tile * width, result, b, 0, ys.channels, code, alpha)
            store_rows(work, 0, result, width, y, ys, n, 0, ys.channels, i, tile)


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
    last = w.shape[2] - 1
    _convolve(dy, w, True, last - top, last - left, nothing, dx)


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
    tile = tile_of(w.shape[2])
    rows, elements = split_tiles(tile, ys, xs.channels, ys.channels, y.itemsize, thread_pool().size)
    lanes = STRIP_BYTES // y.itemsize
    shape = POINTS, -(-ys.channels // lanes), xs.channels, lanes
    packing, counters, workspaces = weight_workspaces(w, 1, shape, elements, rotated)
    _transform_filters(
        tile, packing.source, w[0, 0].size, rotated, packing.stale, packing.strips, workspaces,
        width=threads_for(40.0 * w.size),
    )  # fmt: skip
    _convolve_tiles(
        tile, rows, top, left, xs, flat_x, packing.strips, *epilogue, ys, flat_y, counters,
        workspaces, width=len(workspaces),
    )  # fmt: skip


def workspace_size(problem: Problem, threads: int) -> int:
    """Elements of workspace."""
    xs, ys, itemsize = problem.xs, problem.ys, problem.itemsize
    if problem.direction == "input_gradient":
        xs, ys = ys, xs
    taps, lanes = problem.w_shape[2], STRIP_BYTES // itemsize
    tile = tile_of(taps)
    wide = -(-ys.channels // lanes) * lanes
    if problem.direction != "weight_gradient":
        elements = split_tiles(tile, ys, xs.channels, ys.channels, itemsize, threads)[1]
        shared = POINTS * wide * xs.channels
    else:
        elements = split_tiles(tile, ys, xs.channels, ys.channels, itemsize)[1]
        elements = max(elements, (POINTS + taps * taps) * wide)
        shared = POINTS * xs.channels * ys.channels
        shared *= parts_of(problem.w_shape, ys, itemsize)
    return shared + threads * elements
