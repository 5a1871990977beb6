"""Winograd's gradient of the weights: products of transformed tiles, summed over a batch."""

from __future__ import annotations

import numpy as np

from nnaccel_kernels.cpu.conv.band import Images, flat_images, load_rows
from nnaccel_kernels.cpu.conv.reduction import cuts_for, parts_for
from nnaccel_kernels.cpu.conv.winograd_tiles import (
    POINTS,
    SIDE,
    TILE,
    split_tiles,
    transform_pixels,
    transform_results,
    transform_taps_back,
)
from nnaccel_kernels.cpu.matmul.product import STRIP_BYTES, product
from nnaccel_kernels.cpu.runtime.kernel import kernel
from nnaccel_kernels.cpu.runtime.sharing import share, threads_for, work_items
from nnaccel_kernels.cpu.runtime.workspace import thread_workspaces
from nnaccel_kernels.cpu.vector.runs import add_to, copy_run
from nnaccel_kernels.cpu.vector.simd import VECTOR_BYTES
from nnaccel_kernels.window import Window


@kernel
def _sum_products(  # type: ignore[no-untyped-def]
    rank, size, tile_rows, top, left, cuts, xs, x, ys, dy, sums, counters, workspaces
):
    """sums (parts, 36, C, K) of products of transformed pixels and gradients."""
    work = workspaces[rank]
    parts, _, channels, filters = sums.shape
    vector = VECTOR_BYTES // work.itemsize
    down, across = (ys.height + TILE - 1) // TILE, (ys.width + TILE - 1) // TILE
    depth = (channels + vector - 1) // vector * vector
    width = across * TILE
    for item in work_items(counters, rank, size, parts * cuts):
        part, cut = item // cuts, item % cuts
        low = filters * cut // cuts // vector * vector
        count = filters - low
        if cut + 1 < cuts:
            count = filters * (cut + 1) // cuts // vector * vector - low
        result = (count + vector - 1) // vector * vector
        band = SIDE * (width + 2) * max(depth, result)
        at = part * POINTS * channels * filters
        start, stop = ys.batch * down * part // parts, ys.batch * down * (part + 1) // parts
        for begin in range(start, max(stop, start + 1), tile_rows):
            end = min(stop, begin + tile_rows)
            tiles = (end - begin) * across
            pixels, results = band, band + POINTS * tiles * depth
            for row in range(begin, end):
                n, i = row // down, row % down * TILE
                t = (row - begin) * across
                load_rows(x, xs, n, 0, channels, i - top, -left, SIDE, width + 2, work, 0, depth)
                for j in range(across):
                    transform_pixels(
                        depth, work, j * TILE * depth, (width + 2) * depth, depth,
                        work, pixels + (t + j) * depth, SIDE * tiles * depth, tiles * depth,
                    )  # fmt: skip
                load_rows(dy, ys, n, low, count, i, 0, TILE, width, work, 0, result)
                for j in range(across):
                    transform_results(
                        result, work, j * TILE * result, width * result, result,
                        work, results + (t + j) * result, SIDE * tiles * result, tiles * result,
                    )  # fmt: skip
            for point in range(POINTS):
                product(
                    channels, count, tiles, work, pixels + point * tiles * depth, 1, depth,
                    work, results + point * tiles * result, result, 1,
                    sums, at + point * channels * filters + low, filters, begin > start,
                )  # fmt: skip


@kernel
def _transform_sums_back(rank, size, sums, depth, dw, workspaces):  # type: ignore[no-untyped-def]
    """dw (K, C, 3, 3) = the sum over parts, transformed back."""
    work = workspaces[rank]
    parts, _, channels, filters = sums.shape
    lo, hi = share(channels, rank, size)
    for c in range(lo, hi):
        for point in range(POINTS):
            at = point * depth
            total = work[at : at + filters]
            copy_run(filters, sums, (point * channels + c) * filters, total, 0)
            for part in range(1, parts):
                add_to(total, sums[part, point, c])
        transform_taps_back(
            filters, work, 0, SIDE * depth, depth, work, POINTS * depth, 3 * depth, depth
        )
        for tap in range(9):
            taps = work[(POINTS + tap) * depth : (POINTS + tap) * depth + filters]
            for k in range(filters):
                dw[k, c, tap // 3, tap % 3] = taps[k]


def weight_gradient(
    dy: np.ndarray, x: np.ndarray, window: Window, groups: int, dw: np.ndarray
) -> None:
    """dw of conv2d."""
    top, _, left, _ = window.padding
    flat_dy, ys = flat_images(dy)
    flat_x, xs = flat_images(x)
    rows, elements = split_tiles(ys, xs.channels, ys.channels, dw.itemsize)
    parts, lanes = parts_of(dw.shape, ys, dw.itemsize), STRIP_BYTES // dw.itemsize
    depth = -(-ys.channels // lanes) * lanes
    shape = parts, POINTS, xs.channels, ys.channels
    sums, counters, workspaces = thread_workspaces(
        dw.dtype, shape, max(elements, (POINTS + 9) * depth)
    )
    cuts = max(1, min(cuts_for(parts), ys.channels // lanes))
    _sum_products(
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
    _transform_sums_back(sums, depth, dw, workspaces, width=threads_for(40.0 * dw.size))


def parts_of(shape: tuple[int, ...], ys: Images, itemsize: int) -> int:
    """The number of parts that a gradient of weights is summed in."""
    return parts_for(ys.batch * -(-ys.height // TILE), POINTS * shape[0] * shape[1] * itemsize)
