"""The dense layer y = f(x @ w + b); the epilogue runs while a block is in the cache."""

from __future__ import annotations

import numpy as np

from nnaccel_kernels.cpu.matmul.epilogue import apply_epilogue, epilogue_of
from nnaccel_kernels.cpu.matmul.matmul import (
    block_of,
    blocks_of,
    is_tall,
    matmul_blocks,
    matmul_nn,
    matmul_nt,
    matmul_tn,
)
from nnaccel_kernels.cpu.runtime.kernel import kernel
from nnaccel_kernels.cpu.runtime.sharing import share, threads_for
from nnaccel_kernels.cpu.vector.runs import add_to, copy_to

__all__ = ["linear", "linear_backward"]


@kernel
def _linear(rank, size, x, w, b, code, alpha, y):  # type: ignore[no-untyped-def]
    matmul_nn(rank, size, x, w, y)
    top, bottom, left, right = block_of(rank, size, y.shape[0], y.shape[1])
    for i in range(top, bottom):
        n = right - left
        apply_epilogue(y, i * y.shape[1] + left, 1, n, b, left, n, code, alpha)


@kernel
def _linear_blocks(rank, size, x, w, parts):  # type: ignore[no-untyped-def]
    matmul_blocks(rank, size, x, w, parts)


@kernel
def _sum_blocks(rank, size, parts, b, code, alpha, y):  # type: ignore[no-untyped-def]
    lo, hi = share(y.shape[0], rank, size)
    for i in range(lo, hi):
        row = y[i]
        copy_to(row, parts[0, i])
        for block in range(1, parts.shape[0]):
            add_to(row, parts[block, i])
        apply_epilogue(row, 0, 1, row.size, b, 0, row.size, code, alpha)


@kernel
def _matmul_nt(rank, size, a, b, c):  # type: ignore[no-untyped-def]
    matmul_nt(rank, size, a, b, c)


@kernel
def _matmul_tn(rank, size, a, b, c):  # type: ignore[no-untyped-def]
    matmul_tn(rank, size, a, b, c)


@kernel
def _sum_rows(rank, size, a, total):  # type: ignore[no-untyped-def]
    lo, hi = share(total.size, rank, size)
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
    rest = *epilogue_of(b, activation, alpha, y.dtype), y
    blocks = blocks_of(x.shape[1])
    if width > 1 and blocks > 1 and not is_tall(x.shape[0], width):
        # Each thread reads its own rows of w, the same as in the update: they stay in its cache.
        parts = np.empty((blocks, *y.shape), y.dtype)
        _linear_blocks(x, w, parts, width=width)
        _sum_blocks(parts, *rest)
    else:
        _linear(x, w, *rest, width=width)


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
        _matmul_nt(dy, w, dx, width=width)
    if dw is not None:
        _matmul_tn(x, dy, dw, width=width)
    if db is not None:
        _sum_rows(dy, db, width=threads_for(dy.size))


def _width(x: np.ndarray, w: np.ndarray) -> int:
    return threads_for(2.0 * x.shape[0] * w.size)
