"""Tiled matrix products whose factors are given by functions instead of arrays: implicit GEMM.

A convolution is a product of filters and patches, and so are its gradients; the patches never
exist as a matrix. A block of threads gathers a tile of each factor into shared memory, and each
thread accumulates a smaller tile of the product in registers.
"""

from __future__ import annotations

from functools import cache
from typing import Any, NamedTuple

from numba import cuda, int32

from nnaccel_kernels.cuda.runtime.index import device
from nnaccel_kernels.cuda.runtime.launch import blocks, launch, named
from nnaccel_kernels.half import wide

_BANKS = 32  # of shared memory


class Tile(NamedTuple):
    """Sizes of a block's tile of the product, all powers of two.

    Attributes
    ----------
    rows, columns : int
        Elements of the product that a block computes.
    depth : int
        Terms of each sum that are in shared memory at a time.
    thread_rows, thread_columns : int
        Elements of the product that a thread computes; neighbouring threads have neighbouring
        columns.
    """

    rows: int
    columns: int
    depth: int
    thread_rows: int
    thread_columns: int

    @property
    def threads(self) -> int:
        """Threads of a block; at least `depth` of them."""
        return (self.rows // self.thread_rows) * (self.columns // self.thread_columns)


TILES = {4: Tile(64, 128, 8, 8, 8), 8: Tile(64, 64, 8, 4, 8)}  # by bytes of the accumulation dtype


class Factor(NamedTuple):
    """A matrix given by functions; elements outside it are 0.

    The integer divisions that map an index of the matrix to a pixel or a tap are slow, so they are
    done once for each index instead of once for each element. line(m, args) maps a row of the left
    factor, or a column of the right one, to three integers; step(q, args) does so for an index
    along the depth; element(group, line, step, a, args) takes both.

    Attributes
    ----------
    line, step, element : function
        See above.
    by_depth : bool
        Whether neighbouring threads load neighbours along the depth rather than along the lines.
    """

    line: Any
    step: Any
    element: Any
    by_depth: bool

    def compiled(self) -> Factor:
        """The same with device functions."""
        return Factor(device(self.line), device(self.step), device(self.element), self.by_depth)


class TiledProduct:
    """Sums of left[m, q] * right[q, n] over the depth q, for each group.

    place(n, args) maps a column to its place in the output, once a column. store(part, group, m,
    place, total, c, args) stores a sum unless it lies outside the output, and epilogue(part, group,
    m, place, c, args) may change what was stored. `store` must be short: the sums stay in registers
    only if the compiler unrolls the loop over them.

    The depth may be split into parts, each with its own sums. Terms are summed in a fixed order, so
    a result is the same every time.
    """

    def __init__(
        self, name: str, left: Factor, right: Factor, place: Any, store: Any, epilogue: Any = None
    ) -> None:
        self.name = name
        factors = left.compiled(), right.compiled()
        ends = [device(f) for f in (place, store, epilogue or _no_epilogue)]
        self.kernel = cache(lambda tile: _compile(name, tile, *factors, *ends))

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
        tile = TILES[wide(c.dtype).itemsize]
        part_depth = blocks(blocks(depth, tile.depth), parts) * tile.depth
        grid = blocks(columns, tile.columns), blocks(rows, tile.rows), groups * parts
        launch(self.kernel(tile), grid, (tile.threads,), groups, part_depth, depth, a, b, c, args)


def _no_epilogue(part, group, m, at, c, args):  # type: ignore[no-untyped-def]
    pass


@device
def _put(table, index, three):  # type: ignore[no-untyped-def]
    table[0, index], table[1, index], table[2, index] = three


@device
def _get(table, index):  # type: ignore[no-untyped-def]
    return table[0, index], table[1, index], table[2, index]


def _compile(
    name: str, tile: Tile, left: Factor, right: Factor, place: Any, store: Any, epilogue: Any
) -> Any:
    rows, columns, depth, thread_rows, thread_columns = tile
    threads = tile.threads
    lanes = threads // depth  # threads that fill one row of a shared tile
    row_stride, column_stride = rows // thread_rows, columns // thread_columns
    padding = max(1, _BANKS // depth)  # against bank conflicts
    a_width, b_width = rows + padding, columns + padding
    a_line, a_step, a_element, a_by_depth = left
    b_line, b_step, b_element, b_by_depth = right

    @device
    def first_slot(thread, by_depth):  # type: ignore[no-untyped-def]
        """Line and depth of the first element of a shared tile that a thread fills."""
        if by_depth:
            return thread // depth, thread % depth
        return thread % lanes, thread // lanes

    def kernel(groups, part_depth, size, a, b, c, args):  # type: ignore[no-untyped-def]
        a_tile = cuda.shared.array((depth, a_width), a.dtype)
        b_tile = cuda.shared.array((depth, b_width), b.dtype)
        a_lines = cuda.shared.array((3, rows), int32)
        b_lines = cuda.shared.array((3, columns), int32)
        a_steps = cuda.shared.array((3, depth), int32)
        b_steps = cuda.shared.array((3, depth), int32)
        a_terms = cuda.local.array(thread_rows, a.dtype)
        b_terms = cuda.local.array(thread_columns, b.dtype)
        sums = cuda.local.array((thread_rows, thread_columns), c.dtype)
        for i in range(thread_rows):
            for j in range(thread_columns):
                sums[i, j] = 0
        thread = cuda.threadIdx.x
        part = cuda.blockIdx.z // groups
        group = cuda.blockIdx.z - part * groups
        top, first = cuda.blockIdx.y * rows, cuda.blockIdx.x * columns
        row = thread // column_stride
        column = thread - row * column_stride
        a_lane, a_q = first_slot(thread, a_by_depth)
        b_lane, b_q = first_slot(thread, b_by_depth)

        start = part * part_depth
        end = start + part_depth if start + part_depth < size else size
        m = thread
        while m < rows:
            _put(a_lines, m, a_line(top + m, args))
            m += threads
        n = thread
        while n < columns:
            _put(b_lines, n, b_line(first + n, args))
            n += threads
        if thread < depth and start < end:  # an empty product may have a divisor of 0
            _put(a_steps, thread, a_step(start + thread, args))
            _put(b_steps, thread, b_step(start + thread, args))
        cuda.syncthreads()

        while start < end:
            step = _get(a_steps, a_q)
            for i in range(rows // lanes):
                m = a_lane + i * lanes
                a_tile[a_q, m] = a_element(group, _get(a_lines, m), step, a, args)
            step = _get(b_steps, b_q)
            for j in range(columns // lanes):
                n = b_lane + j * lanes
                b_tile[b_q, n] = b_element(group, _get(b_lines, n), step, b, args)
            cuda.syncthreads()
            start += depth
            if thread < depth:
                _put(a_steps, thread, a_step(start + thread, args))
                _put(b_steps, thread, b_step(start + thread, args))
            for k in range(depth):
                for i in range(thread_rows):
                    a_terms[i] = a_tile[k, row + i * row_stride]
                for j in range(thread_columns):
                    b_terms[j] = b_tile[k, column + j * column_stride]
                for i in range(thread_rows):
                    for j in range(thread_columns):
                        sums[i, j] += a_terms[i] * b_terms[j]
            cuda.syncthreads()

        for j in range(thread_columns):
            at = place(first + column + j * column_stride, args)
            for i in range(thread_rows):
                store(part, group, top + row + i * row_stride, at, sums[i, j], c, args)
        for j in range(thread_columns):
            at = place(first + column + j * column_stride, args)
            for i in range(thread_rows):
                epilogue(part, group, top + row + i * row_stride, at, c, args)

    return named(name, kernel)
