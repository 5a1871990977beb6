"""Large products, in blocks that stay in the caches [1]_.

A block of b is copied into strips, which all rows of a then meet. A block of a is copied too, into
rows close to each other: rows a power of two apart compete for the same few places of a cache.

.. [1] F. G. Van Zee and R. A. van de Geijn, "BLIS: a framework for rapidly instantiating BLAS
   functionality", ACM TOMS 41(3), 2015.
"""

from __future__ import annotations

import numpy as np
from numba.extending import register_jitable

from nnaccel_kernels.cpu.matmul.few_rows import FEW_ROWS
from nnaccel_kernels.cpu.matmul.panel import PANEL_ROWS, blocks_of, copy_panel_row, prefetch
from nnaccel_kernels.cpu.matmul.product import (
    STRIP_BYTES,
    lanes_of,
    product_of_strips,
)
from nnaccel_kernels.cpu.matmul.register_tile import VECTORS
from nnaccel_kernels.cpu.matmul.transpose import transpose, transpose_square
from nnaccel_kernels.cpu.runtime.linked import linked
from nnaccel_kernels.cpu.runtime.workspace import scratch
from nnaccel_kernels.cpu.vector.runs import copy_run
from nnaccel_kernels.cpu.vector.simd import VECTOR_BYTES, shift

TALL_BYTES = 768  # of a column of a: with `PANEL_ROWS` columns, most of the L2 cache
WIDE, NARROW = 64, 8  # strips of b: in the L3 cache for many blocks of a; in the L2 cache for one
_TOGETHER, _AHEAD = 8, 6  # strips filled together, and rows prefetched meanwhile

# Blocks pay where otherwise a, once for each strip, or b comes from beyond the L2 cache; with fewer
# strips copying a block costs as much as it saves. Those of wide vectors are twice as wide.
B_BYTES = 4 << 20
REREAD_BYTES, FEW_STRIPS = (16 << 20, 8) if VECTOR_BYTES == 64 else (8 << 20, 4)


def product_workspace(m: int, k: int, n: int, dtype: np.dtype, threads: int) -> np.ndarray:
    """Workspace (threads, elements) for an (m, k) @ (k, n) product; empty if blocks do not pay."""
    itemsize = dtype.itemsize
    width = STRIP_BYTES // itemsize
    strips = -(-n // width)
    tall = m > _tall(itemsize)
    rereads = tall and m * k * itemsize * strips >= REREAD_BYTES
    if m <= FEW_ROWS or strips < FEW_STRIPS or not (rereads or k * n * itemsize >= B_BYTES):
        return np.empty((threads, 0), dtype)
    strips = min(strips, WIDE if tall else NARROW)
    # A line more than the strips: transposition writes whole squares, even if steps are fewer.
    elements = _rows_size(itemsize) + (strips * PANEL_ROWS + width) * width
    return scratch(dtype, (threads, elements))[0]


@register_jitable
def _tall(itemsize):  # type: ignore[no-untyped-def]
    """Rows of a block of a."""
    return TALL_BYTES // itemsize


@register_jitable
def _pitch(itemsize):  # type: ignore[no-untyped-def]
    """Elements between rows of a packed block of a: a line more than a power of two."""
    return PANEL_ROWS + 64 // itemsize


@register_jitable
def _rows_size(itemsize):  # type: ignore[no-untyped-def]
    """Elements of a packed block of a."""
    return _tall(itemsize) * _pitch(itemsize)


@register_jitable
def blocked_product(  # type: ignore[no-untyped-def]
    rows, cols, k, a, a_at, a_row, a_step, b, b_at, b_step, b_col, c, c_at, c_row, work, work_at
):
    """`product` with workspace from work[work_at] on; it gives the same bits."""
    lanes = lanes_of(c)
    width = VECTORS * lanes
    tall, pitch = _tall(c.itemsize), _pitch(c.itemsize)
    strips_at = work_at + _rows_size(c.itemsize)
    chunks = (rows + tall - 1) // tall
    wide = width * (WIDE if chunks > 1 else NARROW)
    blocks = max(1, blocks_of(k))
    for block in range(blocks):
        start = block * k // blocks
        steps = (block + 1) * k // blocks - start
        for left in range(0, cols, wide):
            across = min(wide, cols - left)
            at = b_at + start * b_step + left * b_col
            _pack_strips(lanes, steps, across, b, at, b_step, b_col, work, strips_at)
            for chunk in range(chunks):
                top = chunk * rows // chunks
                height = (chunk + 1) * rows // chunks - top
                if chunks > 1 or left == 0:
                    at = a_at + top * a_row + start * a_step
                    _pack_rows(height, steps, a, at, a_row, a_step, work, work_at, pitch)
                product_of_strips(
                    height, across, steps, work, work_at, pitch, 1, work, strips_at, steps * width,
                    c, c_at + top * c_row + left, c_row, block,
                )  # fmt: skip


@register_jitable
def _pack_rows(height, steps, a, a_at, a_row, a_step, y, y_at, pitch):  # type: ignore[no-untyped-def]
    """Copy a (height, steps), whose rows or columns are contiguous, into rows `pitch` apart."""
    if a_step == 1:
        for i in range(height):
            copy_run(steps, a, a_at + i * a_row, y, y_at + i * pitch)
    else:
        bands = max(1, steps // 16)  # of few steps: all of a cache line is used while it is there
        for band in range(bands):
            t = band * steps // bands
            count = (band + 1) * steps // bands - t
            transpose(count, height, a, a_at + t * a_step, a_step, y, y_at + t, pitch)


def _pack_strips_in_python(lanes, steps, cols, b, b_at, b_step, b_col, y, y_at):  # type: ignore[no-untyped-def]
    """`_pack_strips` without the JIT."""
    b, y, width = b.reshape(-1), y.reshape(-1), VECTORS * lanes
    for j in range(cols):
        for t in range(steps):
            at = y_at + j // width * width * steps + t * width + j % width
            y[at] = b[b_at + t * b_step + j * b_col]


@linked("iiipiip", _pack_strips_in_python)
def _pack_strips(lanes, steps, cols, b, b_step, b_col, y):  # type: ignore[no-untyped-def]
    """Copy b (steps, cols) into strips as wide as a tile, one after the other."""
    width = VECTORS * lanes
    if b_col != 1:
        for column in range(0, cols, width):
            for half in range(column, min(cols, column + width), lanes):
                for t in range(0, steps, lanes):
                    at = max(0, min(t, steps - lanes))
                    source = shift(b, half * b_col + at)
                    target = shift(y, column * steps + at * width + half - column)
                    transpose_square(cols - half, steps - at, source, b_col, target, width)
        return
    for first in range(0, cols, _TOGETHER * width):
        last = min(cols, first + _TOGETHER * width)
        whole = last - last % width
        for t in range(steps):
            row, target = shift(b, t * b_step), shift(y, t * width)
            for column in range(first, whole, width):
                prefetch(row, _AHEAD * b_step + column + width - 1)
                copy_panel_row(shift(row, column), shift(target, column * steps))
            for column in range(whole, last):
                target[whole * steps + column - whole] = row[column]
