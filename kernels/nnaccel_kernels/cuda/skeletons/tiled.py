"""Tiled matrix products whose factors are given by functions instead of arrays: implicit GEMM.

A convolution is a product of filters and patches, and so are its gradients; the patches never
exist as a matrix. A block of threads gathers a tile of each factor into shared memory, and each
thread accumulates a smaller tile of the product in registers. While they multiply one pair of
tiles, the loads of the next one are under way.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from numba import cuda, int32

from nnaccel_kernels.cuda.runtime.index import device
from nnaccel_kernels.cuda.runtime.launch import blocks, launch, named
from nnaccel_kernels.cuda.runtime.tile_memory import shared_array, vector_length
from nnaccel_kernels.cuda.skeletons.gather import Factor, gather
from nnaccel_kernels.cuda.skeletons.outer_product import outer_products
from nnaccel_kernels.cuda.skeletons.tile import Tile, choose_tile
from nnaccel_kernels.half import wide


class TiledProduct:
    """Sums of left[m, q] * right[q, n] over the depth q, for each group.

    place(n, args) maps a column to its offset in the output, and whether it has one. store(part,
    group, m, place, total, c, args) stores a sum unless it lies outside the output, and
    epilogue(part, group, m, place, c, args) may change what was stored. `store` must be short: the
    sums stay in registers only if the compiler unrolls the loop over them.

    The depth may be split into parts, each with its own sums. Terms are summed in the order of the
    depth whatever the tile, so a result is the same every time.
    """

    def __init__(
        self, name: str, left: Factor, right: Factor, place: Any, store: Any, epilogue: Any = None
    ) -> None:
        ends = [device(f) for f in (place, store, epilogue or _no_epilogue)]
        self.kernel = cache(lambda *kind: self.compiled(name, *kind, left, right, *ends))

    def __call__(
        self,
        size: tuple[int, int, int],
        a: Any,
        b: Any,
        c: Any,
        *args: Any,
        groups: int = 1,
        parts: int = 1,
    ) -> None:
        """Compute a product of `size` (rows, columns, depth) for each group."""
        rows, columns, depth = size
        tile, tile_depth, kind = self.choose(rows, columns, groups * parts, b, c)
        part_depth = blocks(blocks(depth, tile_depth), parts) * tile_depth
        grid = blocks(columns, tile.columns), blocks(rows, tile.rows), groups * parts
        kernel = self.kernel(tile, kind)
        launch(kernel, grid, (tile.threads,), groups, part_depth, depth, a, b, c, args)

    @staticmethod
    def choose(rows: int, columns: int, products: int, b: Any, c: Any) -> tuple[Any, int, Any]:
        """Return a tile, its depth, and what else the kernel is compiled for."""
        itemsize = wide(c.dtype).itemsize
        tile = choose_tile(rows, columns, products, itemsize)
        return tile, tile.depth, vector_length(itemsize)

    @staticmethod
    def compiled(name: str, tile: Any, length: Any, *functions: Any) -> Any:
        """Return the kernel for a tile, with vectors of `length` numbers."""
        return _compile(name, tile, length, *functions)


def _no_epilogue(part, group, m, at, c, args):  # type: ignore[no-untyped-def]
    """Leave what was stored."""


def _compile(
    name: str,
    tile: Tile,
    length: int,
    left: Factor,
    right: Factor,
    place: Any,
    store: Any,
    epilogue: Any,
) -> Any:
    rows, columns, depth, thread_rows, thread_columns = tile
    warp_rows, warp_columns = tile.warp()
    warp, warps_across = warp_rows * warp_columns, tile.threads_across // warp_columns
    down, across = tile.threads_down * length, tile.threads_across * length
    numbers = thread_rows * thread_columns
    shift, mask = length.bit_length() - 1, length - 1
    a_width, b_width = rows + length, columns + length  # against bank conflicts
    b_first, buffer = depth * a_width, depth * (a_width + b_width)
    tiles = shared_array(2 * buffer)
    multiply = outer_products(tile, a_width, b_width)
    a_numbers, a_lines, a_slot, a_start, a_fetch, a_put = gather(left, rows, a_width, tile, length)
    b_numbers, b_lines, b_slot, b_start, b_fetch, b_put = gather(
        right, columns, b_width, tile, length
    )

    def kernel(groups, part_depth, size, a, b, c, args):  # type: ignore[no-untyped-def]
        shared = tiles(c)
        a_values = cuda.local.array(a_numbers, c.dtype)
        b_values = cuda.local.array(b_numbers, c.dtype)
        a_offsets = cuda.local.array(a_lines, int32)
        a_rows = cuda.local.array(a_lines, int32)
        a_columns = cuda.local.array(a_lines, int32)
        b_offsets = cuda.local.array(b_lines, int32)
        b_rows = cuda.local.array(b_lines, int32)
        b_columns = cuda.local.array(b_lines, int32)
        sums = cuda.local.array(numbers, c.dtype)
        for i in range(numbers):
            sums[i] = 0
        thread = cuda.threadIdx.x
        part = int32(cuda.blockIdx.z // groups)
        group = int32(cuda.blockIdx.z - part * groups)
        top, first = int32(cuda.blockIdx.y * rows), int32(cuda.blockIdx.x * columns)
        warp_index, lane = thread // warp, thread % warp
        row = (warp_index // warps_across * warp_rows + lane // warp_columns) * length
        column = (warp_index % warps_across * warp_columns + lane % warp_columns) * length
        a_q, a_m = a_slot(thread)
        b_q, b_n = b_slot(thread)
        a_to, b_to = int32(a_q * a_width + a_m), int32(b_first + b_q * b_width + b_n)

        start = int32(part * part_depth)
        end = int32(start + part_depth if start + part_depth < size else size)
        a_start(int32(top + a_m), group, args, a_offsets, a_rows, a_columns)
        b_start(int32(first + b_n), group, args, b_offsets, b_rows, b_columns)
        a_fetch(int32(start + a_q), end, a, args, a_offsets, a_rows, a_columns, a_values)
        b_fetch(int32(start + b_q), end, b, args, b_offsets, b_rows, b_columns, b_values)
        a_put(shared, a_to, a_values)
        b_put(shared, b_to, b_values)
        cuda.syncthreads()
        now = int32(0)
        while start < end:
            start = int32(start + depth)
            a_fetch(int32(start + a_q), end, a, args, a_offsets, a_rows, a_columns, a_values)
            b_fetch(int32(start + b_q), end, b, args, b_offsets, b_rows, b_columns, b_values)
            multiply(sums, shared, int32(now + row), int32(now + b_first + column))
            now = int32(buffer - now)
            a_put(shared, int32(now + a_to), a_values)
            b_put(shared, int32(now + b_to), b_values)
            cuda.syncthreads()

        for j in range(thread_columns):
            at = place(int32(first + column + (j >> shift) * across + (j & mask)), args)
            for i in range(thread_rows):
                m = int32(top + row + (i >> shift) * down + (i & mask))
                store(part, group, m, at, sums[i * thread_columns + j], c, args)
        for j in range(thread_columns):
            at = place(int32(first + column + (j >> shift) * across + (j & mask)), args)
            for i in range(thread_rows):
                m = int32(top + row + (i >> shift) * down + (i & mask))
                epilogue(part, group, m, at, c, args)

    return named(name, kernel)
