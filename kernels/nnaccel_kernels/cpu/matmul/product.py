"""Products of matrices with any strides, on one thread.

The order in which an element of c is summed depends on the inner dimension alone, so neither blocks
nor threads change a result.
"""

from __future__ import annotations

import numpy as np
from numba.extending import register_jitable

from nnaccel_kernels.cpu.matmul.few_rows import few_rows_product, is_few
from nnaccel_kernels.cpu.matmul.panel import (
    PANEL_ROWS,
    blocks_of,
    copy_panel_row,
    panel_like,
    prefetch,
)
from nnaccel_kernels.cpu.matmul.register_tile import ROWS, VECTORS, tile
from nnaccel_kernels.cpu.matmul.transpose import transpose_square
from nnaccel_kernels.cpu.runtime.linked import linked
from nnaccel_kernels.cpu.vector.simd import VECTOR_BYTES, shift

STRIP_BYTES = VECTORS * VECTOR_BYTES  # of a row of b in one tile
CROWDED_ROWS = 64 if VECTOR_BYTES == 64 else 16
PREFETCH_ROWS = 8 * ROWS  # of a: work enough for the next strip of b, whose rows lie far apart


def _product_in_python(  # type: ignore[no-untyped-def]
    lanes, rows, cols, k, a, a_at, a_row, a_step, runs, jump, b, b_at, b_step, b_col, b_strip,
    begun, s, s_at, s_row, s_col, c, c_at, c_row,
):  # fmt: skip
    """`_product` without the JIT."""
    a, b, s, c = a.reshape(-1), b.reshape(-1), s.reshape(-1), c.reshape(-1)
    column = np.arange(cols)
    width = VECTORS * lanes
    place = column // width * b_strip + column % width if b_strip else column * b_col
    for i in range(rows):
        total = s[s_at + i * s_row + column * s_col] if begun else np.zeros(cols, c.dtype)
        for step in range(runs * k):
            x = a[a_at + i * a_row + step // k * jump + step % k * a_step]
            total = total + x * b[b_at + step * b_step + place]
        start = c_at + i * c_row
        c[start : start + cols] = total


@linked("iiiipiiiipiiiipiipi", _product_in_python)
def _product(  # type: ignore[no-untyped-def]
    lanes, rows, cols, k, a, a_row, a_step, runs, jump, b, b_step, b_col, b_strip,
    begun, s, s_row, s_col, c, c_row,
):  # fmt: skip
    """c (rows, cols) = a (rows, k) @ b (k, cols), plus s if `begun`, for pointers and strides.

    Strides count elements. b consists of strips, as wide as a tile and `b_strip` elements apart;
    if that is 0, it is one matrix. For strips, a row of a may have several runs of k elements that
    begin `jump` apart, and b has as many more rows. `s_col` is 1, or 0 if a row of s is a single
    number, which then is repeated for the width of a tile.
    """
    width = VECTORS * lanes
    whole = b_strip == 0
    panel = panel_like(b)
    tiles = (rows + ROWS - 1) // ROWS
    low, taller = rows // max(1, tiles), rows % max(1, tiles)
    blocks = max(1, blocks_of(k))
    together = max(1, PANEL_ROWS // max(1, k))  # runs that are added up in registers
    # Rows that make packing pay: few where rows of b compete for the same few places of a cache.
    reused = 256 if b_step * VECTOR_BYTES // lanes % 1024 else CROWDED_ROWS
    packed = whole and rows >= reused
    if whole and a_step == 1 and b_col == 1 and is_few(rows, cols, k, lanes):
        few_rows_product(
            lanes, rows, cols, k, a, a_row, b, b_step, begun, s, s_row, s_col, c, c_row, panel
        )  # fmt: skip
        return
    repeats = begun == 0 or s_col == 0 or s_row == 0  # columns may come twice: c is not s
    for part in range((runs + together - 1) // together * blocks):
        first, block = part // blocks * together, part % blocks
        start = block * k // blocks
        steps = (block + 1) * k // blocks - start
        for column in range(0, cols, width):
            j, w = column, min(width, cols - column)
            if w < lanes <= cols and whole and blocks == 1 and repeats:
                j, w = cols - lanes, lanes  # a full vector, some of whose columns are done already
            strip_at = (first * k + start) * b_step + (
                j * b_col if whole else column // width * b_strip
            )
            strip = shift(b, strip_at)
            step = b_step
            if b_col != 1:
                for half in range(0, w, lanes):
                    for t in range(0, steps, lanes):
                        at = max(0, min(t, steps - lanes))
                        source = shift(strip, half * b_col + at)
                        target = shift(panel, at * width + half)
                        transpose_square(w - half, steps - at, source, b_col, target, width)
                strip = panel
                step = width
            elif packed and w == width:
                for t in range(steps):
                    prefetch(strip, t * b_step + 2 * width - 1)  # the next strip
                    copy_panel_row(shift(strip, t * b_step), shift(panel, t * width))
                strip = panel
                step = width
            if whole and b_col == 1 and rows >= PREFETCH_ROWS and column + width < cols:
                for t in range(steps):
                    prefetch(b, strip_at + t * b_step + width)
            corner = shift(a, first * jump + start * a_step)
            target = shift(c, j)
            before, before_row = (target, c_row) if part else (shift(s, j * s_col), s_row)
            for height, count in ((low + 1, taller), (low, tiles - taller)):
                tile(
                    height, count, w, steps, corner, a_row, a_step, min(together, runs - first),
                    jump, strip, step, begun != 0 or part > 0, before, before_row, target, c_row,
                )  # fmt: skip
                corner = shift(corner, height * count * a_row)
                before = shift(before, height * count * before_row)
                target = shift(target, height * count * c_row)


@register_jitable
def lanes_of(c):  # type: ignore[no-untyped-def]
    """Elements of an array in a vector register."""
    return VECTOR_BYTES // c.itemsize


@register_jitable
def product(  # type: ignore[no-untyped-def]
    rows, cols, k, a, a_at, a_row, a_step, b, b_at, b_step, b_col, c, c_at, c_row, add=0
):
    """c (rows, cols) = a (rows, k) @ b (k, cols), or c += it if `add`.

    Matrix x begins at element `x_at` of array x.
    """
    _product(
        lanes_of(c), rows, cols, k, a, a_at, a_row, a_step, 1, 0, b, b_at, b_step, b_col, 0,
        add, c, c_at, c_row, 1, c, c_at, c_row,
    )  # fmt: skip


@register_jitable
def product_from(  # type: ignore[no-untyped-def]
    rows, cols, k, a, a_at, a_row, a_step, b, b_at, b_step, b_col, begun, s, s_at, c, c_at, c_row
):
    """`product` plus a number for each row if `begun`: s repeats it for the width of a tile."""
    _product(
        lanes_of(c), rows, cols, k, a, a_at, a_row, a_step, 1, 0, b, b_at, b_step, b_col, 0,
        begun, s, s_at, VECTORS * lanes_of(c), 0, c, c_at, c_row,
    )  # fmt: skip


@register_jitable
def product_plus_row(  # type: ignore[no-untyped-def]
    rows, cols, k, a, a_at, a_row, a_step, b, b_at, b_step, b_col, begun, s, s_at, c, c_at, c_row
):
    """`product` plus the row that begins at s[s_at] if `begun`."""
    _product(
        lanes_of(c), rows, cols, k, a, a_at, a_row, a_step, 1, 0, b, b_at, b_step, b_col, 0,
        begun, s, s_at, 0, 1, c, c_at, c_row,
    )  # fmt: skip


@register_jitable
def product_of_strips(  # type: ignore[no-untyped-def]
    rows, cols, k, a, a_at, a_row, a_step, b, b_at, b_strip, c, c_at, c_row, add
):
    """`product` for b in strips, as wide as a tile and `b_strip` elements apart."""
    width = VECTORS * lanes_of(c)
    _product(
        lanes_of(c), rows, cols, k, a, a_at, a_row, a_step, 1, 0, b, b_at, width, 1, b_strip,
        add, c, c_at, c_row, 1, c, c_at, c_row,
    )  # fmt: skip


@register_jitable
def product_of_runs(  # type: ignore[no-untyped-def]
    rows, cols, runs, run, a, a_at, a_row, jump, b, b_at, b_strip, c, c_at, c_row, add
):
    """`product_of_strips`, where a row of a has `runs` runs of `run` elements, `jump` apart."""
    width = VECTORS * lanes_of(c)
    _product(
        lanes_of(c), rows, cols, run, a, a_at, a_row, 1, runs, jump, b, b_at, width, 1, b_strip,
        add, c, c_at, c_row, 1, c, c_at, c_row,
    )  # fmt: skip
