"""Winograd's gradient of the weights: products of transformed tiles, summed over a batch."""

from __future__ import annotations

import numpy as np

from nnaccel_kernels.cpu.conv.band import Images, flat_images, load_rows
from nnaccel_kernels.cpu.conv.reduction import cuts_for, parts_for
from nnaccel_kernels.cpu.conv.winograd_tiles import (
    POINTS,
    SIDE,
    TILES_PER_PART,
    split_tiles,
    tile_of,
    transform_pixels,
    transform_results,
    transform_taps_back,
)
from nnaccel_kernels.cpu.matmul.product import STRIP_BYTES, product
from nnaccel_kernels.cpu.matmul.transpose import transpose
from nnaccel_kernels.cpu.runtime.kernel import kernel
from nnaccel_kernels.cpu.runtime.sharing import share, threads_for, work_items
from nnaccel_kernels.cpu.runtime.workspace import thread_workspaces
from nnaccel_kernels.cpu.vector.runs import add_to, copy_run
from nnaccel_kernels.cpu.vector.simd import VECTOR_BYTES
from nnaccel_kernels.window import Window


@kernel
def _sum_products(  # type: ignore[no-untyped-def]
    rank, size, tile, tile_rows, top, left, cuts, xs, x, ys, dy, sums, counters, workspaces
):
    """sums (parts, 36, C, K) of products of transformed pixels and gradients."""
    work = workspaces[rank]
    parts, _, channels, filters = sums.shape
    vector = VECTOR_BYTES // work.itemsize
    down, across = (ys.height + tile - 1) // tile, (ys.width + tile - 1) // tile
    depth = (channels + vector - 1) // vector * vector
    width = across * tile
    pitch = width + SIDE - tile
    for item in work_items(counters, rank, size, parts * cuts):
        part, cut = item // cuts, item % cuts
        low = filters * cut // cuts // vector * vector
        count = filters - low
        if cut + 1 < cuts:
            count = filters * (cut + 1) // cuts // vector * vector - low
        result = (count + vector - 1) // vector * vector
        band = SIDE * pitch * max(depth, result)
        at = part * POINTS * channels * filters
        start, stop = ys.batch * down * part // parts, ys.batch * down * (part + 1) // parts
        for begin in range(start, max(stop, start + 1), tile_rows):
            end = min(stop, begin + tile_rows)
            tiles = (end - begin) * across
            pixels, results = band, band + POINTS * tiles * depth
            for row in range(begin, end):
                n, i = row // down, row % down * tile
                t = (row - begin) * across
                load_rows(x, xs, n, 0, channels, i - top, -left, SIDE, pitch, work, 0, depth)
                for j in range(across):
                    transform_pixels(
                        depth, work, j * tile * depth, pitch * depth, depth,
                        work, pixels + (t + j) * depth, SIDE * tiles * depth, tiles * depth,
                    )  # fmt: skip
                load_rows(dy, ys, n, low, count, i, 0, tile, width, work, 0, result)
                for j in range(across):
                    transform_results(
                        tile, result, work, j * tile * result, width * result, result,
                        work, results + (t + j) * result, SIDE * tiles * result, tiles * result,
                    )  # fmt: skip
            for point in range(POINTS):
                product(
                    channels, count, tiles, work, pixels + point * tiles * depth, 1, depth,
                    work, results + point * tiles * result, result, 1,
                    sums, at + point * channels * filters + low, filters, begin > start,
                )  # fmt: skip


@kernel
def _transform_sums_back(rank, size, tile, sums, depth, dw, workspaces):  # type: ignore[no-untyped-def]
    """dw (K, C, taps) = the sum over parts, transformed back."""
    work = workspaces[rank]
    parts, _, channels, filters = sums.shape
    taps, side = dw.shape[2], SIDE + 1 - tile
    lo, hi = share(channels, rank, size)
    for c in range(lo, hi):
        for point in range(POINTS):
            at = point * depth
            total = work[at : at + filters]
            copy_run(filters, sums, (point * channels + c) * filters, total, 0)
            for part in range(1, parts):
                add_to(total, sums[part, point, c])
        transform_taps_back(
            tile, filters, work, 0, SIDE * depth, depth,
            work, POINTS * depth, side * depth, depth,
        )  # fmt: skip
        apart = channels * taps
        transpose(taps, filters, work, POINTS * depth, depth, dw, c * taps, apart)


def weight_gradient(
    dy: np.ndarray, x: np.ndarray, window: Window, groups: int, dw: np.ndarray
) -> None:
    """dw of conv2d."""
    top, _, left, _ = window.padding
    flat_dy, ys = flat_images(dy)
    flat_x, xs = flat_images(x)
    taps = dw.shape[2]
    tile = tile_of(taps)
    rows, elements = split_tiles(tile, ys, xs.channels, ys.channels, dw.itemsize)
    parts, lanes = parts_of(dw.shape, ys, dw.itemsize), STRIP_BYTES // dw.itemsize
    depth = -(-ys.channels // lanes) * lanes
    shape = parts, POINTS, xs.channels, ys.channels
    sums, counters, workspaces = thread_workspaces(
        dw.dtype, shape, max(elements, (POINTS + taps * taps) * depth)
    )
    cuts = max(1, min(cuts_for(parts), ys.channels // lanes))
    _sum_products(
        tile,
        rows,
        top,
        left,
        cuts,
        xs,
        flat_x,
        ys,
        flat_dy,
        sums,
        counters,
        workspaces,
        width=len(workspaces),
    )
    flat_dw = dw.reshape(*dw.shape[:2], -1)
    _transform_sums_back(tile, sums, depth, flat_dw, workspaces, width=threads_for(40.0 * dw.size))


def parts_of(shape: tuple[int, ...], ys: Images, itemsize: int) -> int:
    """The number of parts that a gradient of weights is summed in: even, or one.

    A part has tiles enough for its sums, 36 matrices, to cost little beside the products.
    """
    tile = tile_of(shape[2])
    rows = ys.batch * -(-ys.height // tile)
    enough = max(1, rows * -(-ys.width // tile) // (2 * TILES_PER_PART) * 2)
    return parts_for(min(rows, enough), POINTS * shape[0] * shape[1] * itemsize)
