"""Matrix products: c = a @ b, a.T @ b and a @ b.T, of C-contiguous float32 or float64 matrices.

`size` threads each fill their own rectangle of c, given by `block_of`, in blocks if `work` is not
empty. Sums run in the same order whatever the blocks and threads.
"""

from __future__ import annotations

from numba.extending import register_jitable

from nnaccel_kernels.cpu.matmul.blocked import blocked_product
from nnaccel_kernels.cpu.matmul.product import product
from nnaccel_kernels.cpu.matmul.register_tile import ROWS
from nnaccel_kernels.cpu.runtime.jit import njit
from nnaccel_kernels.cpu.vector.simd import VECTOR_BYTES

_UNIT = VECTOR_BYTES // 4  # threads share columns by whole vectors of float32
_jit = njit(nogil=True, cache=True, error_model="numpy")


@register_jitable
def is_tall(m, size):  # type: ignore[no-untyped-def]
    """Whether `size` threads share a product of m rows by rows."""
    return m >= 8 * ROWS * size


@_jit
def block_of(rank, size, m, n):  # type: ignore[no-untyped-def]
    """The (top, bottom, left, right) of the block of an (m, n) product that a thread fills.

    Threads share tall products by rows. They share wide ones, and those of few rows, by columns:
    each then reads only its own columns of b.
    """
    if (is_tall(m, size) and 2 * m >= n) or n < 2 * _UNIT * size:
        return rank * m // size, (rank + 1) * m // size, 0, n
    units = (n + _UNIT - 1) // _UNIT
    left, right = rank * units // size * _UNIT, (rank + 1) * units // size * _UNIT
    return 0, m, left, min(n, right)


@register_jitable
def _multiply(  # type: ignore[no-untyped-def]
    rows, cols, k, a, a_at, a_row, a_step, b, b_at, b_step, b_col, c, c_at, c_row, work, rank
):
    """`product`, in blocks if there is workspace."""
    if work.size:
        blocked_product(
            rows, cols, k, a, a_at, a_row, a_step, b, b_at, b_step, b_col, c, c_at, c_row,
            work, rank * work.shape[1],
        )  # fmt: skip
    else:
        product(rows, cols, k, a, a_at, a_row, a_step, b, b_at, b_step, b_col, c, c_at, c_row)


@_jit
def matmul_nn(rank, size, a, b, c, work):  # type: ignore[no-untyped-def]
    """c (m, n) = a (m, k) @ b (k, n)."""
    m, n, k = c.shape[0], c.shape[1], a.shape[1]
    top, bottom, left, right = block_of(rank, size, m, n)
    _multiply(
        bottom - top, right - left, k, a, top * k, k, 1, b, left, n, 1, c, top * n + left, n,
        work, rank,
    )  # fmt: skip


@_jit
def matmul_blocks(rank, size, a, b, parts, work):  # type: ignore[no-untyped-def]
    """parts (blocks, m, n) = a @ b for each block of the inner dimension; their sum is a @ b."""
    blocks, m, n = parts.shape
    k = a.shape[1]
    for block in range(blocks * rank // size, blocks * (rank + 1) // size):
        start = block * k // blocks
        steps = (block + 1) * k // blocks - start
        at = block * m * n
        _multiply(m, n, steps, a, start, k, 1, b, start * n, n, 1, parts, at, n, work, rank)


@_jit
def matmul_tn(rank, size, a, b, c, work):  # type: ignore[no-untyped-def]
    """c (m, n) = a.T @ b, for a (k, m) and b (k, n)."""
    m, n, k = c.shape[0], c.shape[1], a.shape[0]
    top, bottom, left, right = block_of(rank, size, m, n)
    _multiply(
        bottom - top, right - left, k, a, top, 1, m, b, left, n, 1, c, top * n + left, n,
        work, rank,
    )  # fmt: skip


@_jit
def matmul_nt(rank, size, a, b, c, work):  # type: ignore[no-untyped-def]
    """c (m, n) = a @ b.T, for a (m, k) and b (n, k)."""
    m, n, k = c.shape[0], c.shape[1], a.shape[1]
    top, bottom, left, right = block_of(rank, size, m, n)
    _multiply(
        bottom - top, right - left, k, a, top * k, k, 1, b, left * k, 1, k, c, top * n + left, n,
        work, rank,
    )  # fmt: skip
