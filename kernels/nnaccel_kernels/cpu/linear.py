"""The dense layer y = f(x @ w + b); the epilogue runs while a block is in the cache."""

from __future__ import annotations

import numpy as np

from nnaccel_kernels.cpu.matmul.blocked import product_workspace
from nnaccel_kernels.cpu.matmul.epilogue import apply_epilogue, epilogue_of
from nnaccel_kernels.cpu.matmul.matmul import (
    block_of,
    is_tall,
    matmul_blocks,
    matmul_nn,
    matmul_nt,
    matmul_tn,
)
from nnaccel_kernels.cpu.matmul.panel import blocks_of
from nnaccel_kernels.cpu.matmul.product import product, product_plus_row
from nnaccel_kernels.cpu.runtime.kernel import kernel
from nnaccel_kernels.cpu.runtime.sharing import share, threads_for
from nnaccel_kernels.cpu.vector.runs import add_to, copy_run

__all__ = ["linear", "linear_backward"]

_SPAN = 2048  # outputs that meet the epilogue together, from the L1 cache
_NARROW = 32  # columns, for whose sums a loop over each row takes long


@kernel
def _linear(rank, size, x, w, work, b, code, alpha, y):  # type: ignore[no-untyped-def]
    columns, k = y.shape[1], x.shape[1]
    top, bottom, left, right = block_of(rank, size, y.shape[0], columns)
    n, at = right - left, top * columns + left
    if b.size and not work.size and blocks_of(k) == 1:
        product_plus_row(
            bottom - top, n, k, x, top * k, k, 1, w, left, columns, 1, 1, b, left, y, at, columns
        )  # fmt: skip
        b = b[:0]
    else:
        matmul_nn(rank, size, x, w, y, work)
    if b.size == 0 and code == 0:
        return
    together = max(1, _SPAN // max(1, n)) if n == columns else 1
    for i in range(top, bottom, together):
        rows = min(together, bottom - i)
        apply_epilogue(y, i * columns + left, rows, n, b, left, n, code, alpha)


@kernel
def _linear_blocks(rank, size, x, w, parts, work):  # type: ignore[no-untyped-def]
    matmul_blocks(rank, size, x, w, parts, work)


@kernel
def _sum_blocks(rank, size, parts, b, code, alpha, y):  # type: ignore[no-untyped-def]
    lo, hi = share(y.shape[0], rank, size)
    for i in range(lo, hi):
        row = y[i]
        copy_run(row.size, parts, i * row.size, row, 0)
        for block in range(1, parts.shape[0]):
            add_to(row, parts[block, i])
        apply_epilogue(row, 0, 1, row.size, b, 0, row.size, code, alpha)


@kernel
def _matmul_nt(rank, size, a, b, c, work):  # type: ignore[no-untyped-def]
    matmul_nt(rank, size, a, b, c, work)


@kernel
def _matmul_tn(rank, size, a, b, c, work):  # type: ignore[no-untyped-def]
    matmul_tn(rank, size, a, b, c, work)


@kernel
def _sum_rows(rank, size, a, one, total):  # type: ignore[no-untyped-def]
    lo, hi = share(total.size, rank, size)
    if total.size <= _NARROW:  # the sums stay in registers, in a product with a row of ones
        product(1, hi - lo, a.shape[0], one, 0, 0, 0, a, lo, total.size, 1, total, lo, 0)
        return
    columns = total[lo:hi]
    columns[:] = 0
    for i in range(a.shape[0]):
        add_to(columns, a[i, lo:hi])


def linear(
    x: np.ndarray,
    w: np.ndarray,
    b: np.ndarray | None,
    activation: str,
    alpha: float,
    y: np.ndarray,
) -> None:
    """y = f(x @ w + b) for the elementwise activation f."""
    width = _width(x, w)
    work = product_workspace(len(x), len(w), w.shape[1], y.dtype, width)
    rest = *epilogue_of(b, activation, alpha, y.dtype), y
    blocks = blocks_of(x.shape[1])
    if width > 1 and blocks > 1 and not is_tall(x.shape[0], width):
        # Each thread reads its own rows of w, the same as in the update: they stay in its cache.
        parts = np.empty((blocks, *y.shape), y.dtype)
        _linear_blocks(x, w, parts, work, width=width)
        _sum_blocks(parts, *rest)
    else:
        _linear(x, w, work, *rest, width=width)


def linear_backward(
    dy: np.ndarray,
    x: np.ndarray,
    w: np.ndarray,
    dx: np.ndarray | None,
    dw: np.ndarray | None,
    db: np.ndarray | None,
) -> None:
    """Gradients of sum(dy * (x @ w + b)): those of dx, dw and db that are not None."""
    width = _width(x, w)
    if dx is not None:
        work = product_workspace(len(dy), dy.shape[1], len(w), dx.dtype, width)
        _matmul_nt(dy, w, dx, work, width=width)
    if dw is not None:
        work = product_workspace(x.shape[1], len(x), dy.shape[1], dw.dtype, width)
        _matmul_tn(x, dy, dw, work, width=width)
    if db is not None:
        _sum_rows(dy, np.ones(1, dy.dtype), db, width=threads_for(dy.size))


def _width(x: np.ndarray, w: np.ndarray) -> int:
    return threads_for(2.0 * x.shape[0] * w.size)
