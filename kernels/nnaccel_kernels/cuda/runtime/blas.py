"""Matrix products by cuBLAS."""

from __future__ import annotations

import ctypes
from typing import Any

from numba import config

from nnaccel_kernels.cuda.runtime.cublas import (
    KINDS,
    check,
    compute_type,
    handle,
    layout,
    library,
    scalar,
)
from nnaccel_kernels.cuda.runtime.namespace import namespace_of
from nnaccel_kernels.half import wide

_DEFAULT_ALGORITHM = -1


def matmul(a: Any, b: Any, out: Any, *, add: bool = False) -> None:
    """Out = a @ b, or that is added; rows or columns of each must be neighbours in memory.

    Factors have one dtype. Those of 16 bits are summed in float32, which `out` may hold too.
    """
    matmul_each(a[None], b[None], out[None], add=add)


def matmul_each(a: Any, b: Any, out: Any, *, add: bool = False) -> None:
    """out[i] = a[i] @ b[i], or that is added, for stacks of matrices."""
    if config.ENABLE_CUDASIM:
        kind = wide(a.dtype)
        total = namespace_of(out).matmul(a.astype(kind), b.astype(kind))
        out[...] = total + (out if add else 0)
    elif 0 not in out.shape and a.shape[2]:
        _multiply(a, b, out, add)
    elif not add:
        out.fill(0)


def _multiply(a: Any, b: Any, out: Any, add: bool) -> None:
    """Out = a @ b: column by column, as cuBLAS sees memory, out.T = b.T @ a.T."""
    a_turn, a_lead = layout(a)
    b_turn, b_lead = layout(b)
    count, n, m = out.shape
    kind, out_kind = KINDS[a.dtype.name], KINDS[out.dtype.name]
    one, kept = scalar(1, a.dtype), scalar(add, a.dtype)
    a_apart, b_apart, apart = (s.strides[0] // s.itemsize for s in (a, b, out))
    done = library().cublasGemmStridedBatchedEx(
        handle().pointer, b_turn, a_turn, m, n, a.shape[2], ctypes.byref(one),
        b.data.ptr, kind, b_lead, b_apart, a.data.ptr, kind, a_lead, a_apart,
        ctypes.byref(kept), out.data.ptr, out_kind, layout(out)[1], apart, count,
        compute_type(a.dtype), _DEFAULT_ALGORITHM,
    )  # fmt: skip
    check(done, "cublasGemmStridedBatchedEx")
