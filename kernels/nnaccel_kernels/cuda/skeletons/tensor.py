"""Tiled products of factors given by functions, as `tiled.py`, by tensor cores.

Both factors must be contiguous along the depth, in pieces of 128 bits. They are copied straight to
shared memory, two pairs of tiles ahead of the one that is multiplied.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numba import cuda, int32

from nnaccel_kernels.cuda.runtime.index import device, is_below
from nnaccel_kernels.cuda.runtime.launch import named
from nnaccel_kernels.cuda.runtime.tensor_cores import (
    LINE_BYTES,
    PIECE_BYTES,
    WarpTile,
    close_copies,
    copy_ahead,
    tensor_products,
    wait_for_copies,
)
from nnaccel_kernels.cuda.runtime.tile_memory import shared_array
from nnaccel_kernels.cuda.skeletons.gather import OUTSIDE, Factor
from nnaccel_kernels.cuda.skeletons.tile import fastest
from nnaccel_kernels.cuda.skeletons.tiled import TiledProduct

STAGES = 3  # pairs of tiles in shared memory
_PIECES = LINE_BYTES // PIECE_BYTES  # of a line
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


def _copies(factor: Factor, lines: int, first_byte: int, threads: int) -> tuple[int, Any, Any]:
    """How many pieces a thread copies, and the functions that start and copy a tile of a factor."""
    line, step, size = map(device, (factor.line, factor.step, factor.size))
    apart = threads // _PIECES  # lines from one piece of a thread to the next
    count = lines // apart

    @device
    def start(first, group, args, offsets, rows, columns):  # type: ignore[no-untyped-def]
        for i in range(count):
            offsets[i], rows[i], columns[i] = line(int32(first + i * apart), group, args)

    @device
    def fetch(q, end, array, args, offsets, rows, columns, shared, to):  # type: ignore[no-untyped-def]
        offset, row, column = step(q, args)
        row = row if q < end else int32(OUTSIDE)
        height, width = size(args)
        for i in range(count):
            in_rows = is_below(int32(rows[i] + row), height)
            in_columns = is_below(int32(columns[i] + column), width)
            byte = int32(to + first_byte + i * apart * LINE_BYTES)
            copy_ahead(shared, byte, array, int32(offsets[i] + offset), in_rows & in_columns)

    return count, start, fetch


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
    piece = depth // _PIECES
    warps_down = rows // warp_rows
    stage = (rows + columns) * LINE_BYTES
    b_first = rows * LINE_BYTES
    everything = STAGES * stage
    # The columns are the rows of the tensor cores' products, so that a lane has neighbouring rows.
    downs, acrosses = warp_columns // 16, warp_rows // 8
    count = downs * acrosses * 4
    tiles = shared_array(everything // 4)
    multiply = tensor_products(WarpTile(warp_columns, warp_rows), dtype.name)
    wait = wait_for_copies(STAGES - 2)
    a_lines, a_start, a_fetch = _copies(left, rows, 0, threads)
    b_lines, b_start, b_fetch = _copies(right, columns, b_first, threads)

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

        line, own = thread // _PIECES, thread % _PIECES
        to = int32(line * LINE_BYTES + (own ^ (line // 2 % 4)) * PIECE_BYTES)
        own_q = int32(own * piece)
        start = int32(part * part_depth)
        end = int32(start + part_depth if start + part_depth < size else size)
        a_start(int32(top + line), group, args, a_offsets, a_rows, a_columns)
        b_start(int32(first + line), group, args, b_offsets, b_rows, b_columns)
        for s in range(STAGES - 1):
            q, byte = int32(start + s * depth + own_q), int32(to + s * stage)
            a_fetch(q, end, a, args, a_offsets, a_rows, a_columns, shared, byte)
            b_fetch(q, end, b, args, b_offsets, b_rows, b_columns, shared, byte)
            close_copies()

        swizzle = lane % 8 // 2
        column_line = warp_column + lane % 16
        row_line = warp_row + lane % 8 + lane // 16 * 8
        b_from = int32(b_first + column_line * LINE_BYTES + (lane // 16 ^ swizzle) * PIECE_BYTES)
        a_from = int32(row_line * LINE_BYTES + (lane // 8 % 2 ^ swizzle) * PIECE_BYTES)
        now, ahead = int32(0), int32((STAGES - 1) * stage)
        while start < end:
            wait()
            cuda.syncthreads()
            q = int32(start + (STAGES - 1) * depth + own_q)
            a_fetch(q, end, a, args, a_offsets, a_rows, a_columns, shared, int32(to + ahead))
            b_fetch(q, end, b, args, b_offsets, b_rows, b_columns, shared, int32(to + ahead))
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
