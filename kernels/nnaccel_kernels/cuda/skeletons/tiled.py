"""A matrix product in tiles whose factors are functions, not arrays in memory.

Implicit GEMM: a convolution is a product of filters and patches, and its gradients are two more.
The patches never exist as a matrix. A block of threads gathers a tile of each factor into shared
memory, and each thread keeps a small tile of sums in registers.
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
    """Sizes of a block's share of the product, all powers of two.

    Attributes
    ----------
    rows, columns : int
        Sums of a block.
    depth : int
        Terms of them that are in shared memory at a time.
    down, across : int
        Sums of a thread; neighbouring threads have neighbouring columns.
    """

    rows: int
    columns: int
    depth: int
    down: int
    across: int

    @property
    def threads(self) -> int:
        """Threads of a block; at least `depth` of them."""
        return (self.rows // self.down) * (self.columns // self.across)


TILES = {4: Tile(64, 128, 8, 8, 8), 8: Tile(64, 64, 8, 4, 8)}  # by the bytes of a sum


class Factor(NamedTuple):
    """A matrix given by functions. Elements outside it are 0.

    The integer divisions that find the image behind an index are slow, so they are done once for
    each index and not for each element: line(m, args) gives three integers that stand for a row of
    the left factor or a column of the right one, step(q, args) three for a place along the depth,
    and element(group, line, step, a, args) takes these.

    Attributes
    ----------
    line, step, element : function
        See above.
    by_depth : bool
        Whether neighbouring threads read along the depth, rather than along the lines.
    """

    line: Any
    step: Any
    element: Any
    by_depth: bool

    def compiled(self) -> Factor:
        """The same of device functions."""
        return Factor(device(self.line), device(self.step), device(self.element), self.by_depth)


class Product:
    """Sums of left[m, q] * right[q, n] over the depth q, for each group.

    place(n, args) is worked out once a column; store(part, group, m, place, total, c, args) keeps a
    sum, or drops it if it lies outside, and finish(part, group, m, place, c, args) may change what
    was kept. `store` has to be short: the sums are in registers only if the loop over them is
    unrolled.

    The depth may be split into parts, each with sums of its own. A sum is taken in order, so that
    it is the same every time.
    """

    def __init__(
        self, name: str, left: Factor, right: Factor, place: Any, store: Any, finish: Any = None
    ) -> None:
        self.name = name
        factors = left.compiled(), right.compiled()
        ends = [device(f) for f in (place, store, finish or _nothing)]
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
        share = blocks(blocks(depth, tile.depth), parts) * tile.depth  # of the depth, to each part
        grid = blocks(columns, tile.columns), blocks(rows, tile.rows), groups * parts
        launch(self.kernel(tile), grid, (tile.threads,), groups, share, depth, a, b, c, args)


def _nothing(part, group, m, at, c, args):  # type: ignore[no-untyped-def]
    """The finish of a product that needs none."""


@device
def _note(table, index, three):  # type: ignore[no-untyped-def]
    table[0, index], table[1, index], table[2, index] = three


@device
def _look_up(table, index):  # type: ignore[no-untyped-def]
    return table[0, index], table[1, index], table[2, index]


def _compile(
    name: str, tile: Tile, left: Factor, right: Factor, place: Any, store: Any, finish: Any
) -> Any:
    rows, columns, depth, down, across = tile
    threads = tile.threads
    lanes = threads // depth  # threads that fill one row of a shared tile
    rows_apart, columns_apart = rows // down, columns // across
    pad = max(1, _BANKS // depth)
    a_width, b_width = rows + pad, columns + pad
    a_line, a_step, a_element, a_by_depth = left
    b_line, b_step, b_element, b_by_depth = right

    @device
    def seat(thread, by_depth):  # type: ignore[no-untyped-def]
        """Line and depth in a shared tile that a thread begins to fill it from."""
        if by_depth:
            return thread // depth, thread % depth
        return thread % lanes, thread // lanes

    def kernel(groups, share, size, a, b, c, args):  # type: ignore[no-untyped-def]
        a_tile = cuda.shared.array((depth, a_width), a.dtype)
        b_tile = cuda.shared.array((depth, b_width), b.dtype)
        a_lines = cuda.shared.array((3, rows), int32)
        b_lines = cuda.shared.array((3, columns), int32)
        a_steps = cuda.shared.array((3, depth), int32)
        b_steps = cuda.shared.array((3, depth), int32)
        a_terms = cuda.local.array(down, a.dtype)
        b_terms = cuda.local.array(across, b.dtype)
        sums = cuda.local.array((down, across), c.dtype)
        for i in range(down):
            for j in range(across):
                sums[i, j] = 0
        thread = cuda.threadIdx.x
        part = cuda.blockIdx.z // groups
        group = cuda.blockIdx.z - part * groups
        top, first = cuda.blockIdx.y * rows, cuda.blockIdx.x * columns
        row = thread // columns_apart
        column = thread - row * columns_apart
        a_lane, a_q = seat(thread, a_by_depth)
        b_lane, b_q = seat(thread, b_by_depth)

        start = part * share
        end = start + share if start + share < size else size
        m = thread
        while m < rows:
            _note(a_lines, m, a_line(top + m, args))
            m += threads
        n = thread
        while n < columns:
            _note(b_lines, n, b_line(first + n, args))
            n += threads
        if thread < depth and start < end:  # else there may be nothing to divide by
            _note(a_steps, thread, a_step(start + thread, args))
            _note(b_steps, thread, b_step(start + thread, args))
        cuda.syncthreads()

        while start < end:
            step = _look_up(a_steps, a_q)
            for i in range(rows // lanes):
                m = a_lane + i * lanes
                a_tile[a_q, m] = a_element(group, _look_up(a_lines, m), step, a, args)
            step = _look_up(b_steps, b_q)
            for j in range(columns // lanes):
                n = b_lane + j * lanes
                b_tile[b_q, n] = b_element(group, _look_up(b_lines, n), step, b, args)
            cuda.syncthreads()
            start += depth
            if thread < depth:
                _note(a_steps, thread, a_step(start + thread, args))
                _note(b_steps, thread, b_step(start + thread, args))
            for k in range(depth):
                for i in range(down):
                    a_terms[i] = a_tile[k, row + i * rows_apart]
                for j in range(across):
                    b_terms[j] = b_tile[k, column + j * columns_apart]
                for i in range(down):
                    for j in range(across):
                        sums[i, j] += a_terms[i] * b_terms[j]
            cuda.syncthreads()

        for j in range(across):
            at = place(first + column + j * columns_apart, args)
            for i in range(down):
                store(part, group, top + row + i * rows_apart, at, sums[i, j], c, args)
        for j in range(across):
            at = place(first + column + j * columns_apart, args)
            for i in range(down):
                finish(part, group, top + row + i * rows_apart, at, c, args)

    return named(name, kernel)
