"""Tiled products of factors given by functions, as `tiled.py`, by tensor cores.

Both factors must be contiguous in pieces of 128 bits, along the depth or along their lines. They
are copied straight to shared memory, two pairs of tiles ahead of the one that is multiplied.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numba import cuda, int32

from nnaccel_kernels.cuda.runtime.index import device
from nnaccel_kernels.cuda.runtime.launch import named
from nnaccel_kernels.cuda.runtime.tensor_cores import (
    LINE_BYTES,
    WarpTile,
    close_copies,
    tensor_products,
    wait_for_copies,
)
from nnaccel_kernels.cuda.runtime.tile_memory import shared_array
from nnaccel_kernels.cuda.skeletons.gather import Factor
from nnaccel_kernels.cuda.skeletons.tensor_tiles import copies, layout
from nnaccel_kernels.cuda.skeletons.tile import fastest
from nnaccel_kernels.cuda.skeletons.tiled import TiledProduct

STAGES = 3  # pairs of tiles in shared memory
_WARP = 32


class TensorTile(NamedTuple):
    """Elements of the product that a block, and a warp, computes."""

    rows: int
    columns: int
    warp_rows: int
    warp_columns: int

    @property
    def threads(self) -> int:
        """Threads of a block."""
        return self.rows // self.warp_rows * (self.columns // self.warp_columns) * _WARP


#: The tiles to choose from; the largest comes first.
TENSOR_TILES = TensorTile(128, 128, 32, 64), TensorTile(64, 128, 32, 64), TensorTile(64, 64, 32, 32)


class TensorProduct(TiledProduct):
    """Sums of left[m, q] * right[q, n] over the depth q; the arguments are those of TiledProduct.

    Factors have 16 bits, or are float32 that is rounded to TF32; sums are float32.
    """

    @staticmethod
    def choose(rows: int, columns: int, products: int, b: Any, c: Any) -> tuple[Any, int, Any]:
        """Return a tile, its depth, and the dtype of the factors."""
        return fastest(TENSOR_TILES, rows, columns, products), _depth(b.dtype), b.dtype

    @staticmethod
    def compiled(name: str, tile: Any, dtype: Any, *functions: Any) -> Any:
        """Return the kernel for a tile and the dtype of the factors."""
        return _compile(name, tile, dtype, *functions)


def _depth(dtype: np.dtype[Any]) -> int:
    """Terms of each sum in a tile."""
    return LINE_BYTES // dtype.itemsize


def _compile(
    name: str,
    tile: TensorTile,
    dtype: np.dtype[Any],
    left: Factor,
    right: Factor,
    place: Any,
    store: Any,
    epilogue: Any,
) -> Any:
    rows, columns, warp_rows, warp_columns = tile
    threads, depth = tile.threads, _depth(dtype)
    warps_down = rows // warp_rows
    stage = (rows + columns) * LINE_BYTES
    everything = STAGES * stage
    # The columns are the rows of the tensor cores' products, so that a lane has neighbouring rows.
    downs, acrosses = warp_columns // 16, warp_rows // 8
    count = downs * acrosses * 4
    tiles = shared_array(everything // 4)
    wait = wait_for_copies(STAGES - 2)
    a_place = layout(left, rows, 0, threads, dtype.itemsize)
    b_place = layout(right, columns, rows * LINE_BYTES, threads, dtype.itemsize)
    a_lines, a_start, a_fetch = copies(left, rows, a_place, threads)
    b_lines, b_start, b_fetch = copies(right, columns, b_place, threads)
    a_slot, a_read, b_slot, b_read = a_place.slot, a_place.right, b_place.slot, b_place.left
    pitches = b_place.pitch, a_place.pitch
    multiply = tensor_products(WarpTile(warp_columns, warp_rows), dtype.name, pitches)

    @device
    def store_sums(i, part, group, row, column, sums, c, args):  # type: ignore[no-untyped-def]
        at = place(int32(column + i * 8), args)
        for j in range(2 * acrosses):
            m = int32(row + (j >> 1) * 8 + (j & 1))
            number = sums[((i >> 1) * acrosses + (j >> 1)) * 4 + (i & 1) * 2 + (j & 1)]
            store(part, group, m, at, number, c, args)

    def kernel(groups, part_depth, size, a, b, c, args):  # type: ignore[no-untyped-def]
        shared = tiles(c)
        a_offsets = cuda.local.array(a_lines, int32)
        a_rows = cuda.local.array(a_lines, int32)
        a_columns = cuda.local.array(a_lines, int32)
        b_offsets = cuda.local.array(b_lines, int32)
        b_rows = cuda.local.array(b_lines, int32)
        b_columns = cuda.local.array(b_lines, int32)
        sums = cuda.local.array(count, c.dtype)
        for i in range(count):
            sums[i] = 0
        thread = cuda.threadIdx.x
        part = int32(cuda.blockIdx.z // groups)
        group = int32(cuda.blockIdx.z - part * groups)
        top, first = int32(cuda.blockIdx.y * rows), int32(cuda.blockIdx.x * columns)
        warp, lane = thread // _WARP, thread % _WARP
        warp_row = warp % warps_down * warp_rows
        warp_column = warp // warps_down * warp_columns

        a_line, a_q, a_to = a_slot(thread)
        b_line, b_q, b_to = b_slot(thread)
        start = int32(part * part_depth)
        end = int32(start + part_depth if start + part_depth < size else size)
        a_start(int32(top + a_line), group, args, a_offsets, a_rows, a_columns)
        b_start(int32(first + b_line), group, args, b_offsets, b_rows, b_columns)
        for s in range(STAGES - 1):
            q, to = int32(start + s * depth + a_q), int32(a_to + s * stage)
            a_fetch(q, end, a, args, a_offsets, a_rows, a_columns, shared, to)
            q, to = int32(start + s * depth + b_q), int32(b_to + s * stage)
            b_fetch(q, end, b, args, b_offsets, b_rows, b_columns, shared, to)
            close_copies()

        a_from, b_from = a_read(lane, warp_row), b_read(lane, warp_column)
        now, ahead = int32(0), int32((STAGES - 1) * stage)
        while start < end:
            wait()
            cuda.syncthreads()
            q = int32(start + (STAGES - 1) * depth)
            a_at, b_at, a_next, b_next = a_q + q, b_q + q, a_to + ahead, b_to + ahead
            a_fetch(int32(a_at), end, a, args, a_offsets, a_rows, a_columns, shared, int32(a_next))
            b_fetch(int32(b_at), end, b, args, b_offsets, b_rows, b_columns, shared, int32(b_next))
            close_copies()
            multiply(sums, shared, int32(b_from + now), int32(a_from + now))
            start = int32(start + depth)
            now = int32(now + stage if now + stage < everything else 0)
            ahead = int32(ahead + stage if ahead + stage < everything else 0)

        column = warp_column + lane // 4
        row = warp_row + lane % 4 * 2
        for i in range(downs):  # two loops, since the compiler unrolls none as long as both
            store_sums(i, part, group, int32(top + row), int32(first + column), sums, c, args)
        for i in range(downs, 2 * downs):
            store_sums(i, part, group, int32(top + row), int32(first + column), sums, c, args)
        for i in range(2 * downs):
            at = place(int32(first + column + i * 8), args)
            for j in range(2 * acrosses):
                epilogue(part, group, int32(top + row + (j >> 1) * 8 + (j & 1)), at, c, args)

    return named(f"{name}_{dtype.name}", kernel)
