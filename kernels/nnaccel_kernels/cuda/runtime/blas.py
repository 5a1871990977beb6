"""Matrix products by cuBLAS."""

from __future__ import annotations

import ctypes
from typing import Any

from numba import config

from nnaccel_kernels.cuda.runtime.cublas import (
    DATA_TYPES,
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
    """out = a @ b, or out += a @ b; the rows or the columns of each must be contiguous.

    Factors have one dtype. 16-bit factors are accumulated in float32, which `out` may be, too.
    """
    batched_matmul(a[None], b[None], out[None], add=add)


def batched_matmul(a: Any, b: Any, out: Any, *, add: bool = False) -> None:
    """out[i] = a[i] @ b[i], or out[i] += a[i] @ b[i]."""
    if config.ENABLE_CUDASIM:
        dtype = wide(a.dtype)
        product = namespace_of(out).matmul(a.astype(dtype), b.astype(dtype))
        out[...] = product + (out if add else 0)
    elif 0 not in out.shape and a.shape[2]:
        _multiply(a, b, out, add)
    elif not add:
        out.fill(0)


def _multiply(a: Any, b: Any, out: Any, add: bool) -> None:
    """out = a @ b as out.T = b.T @ a.T, since cuBLAS's matrices are column-major."""
    a_transpose, a_lead = layout(a)
    b_transpose, b_lead = layout(b)
    count, n, m = out.shape
    dtype, out_dtype = DATA_TYPES[a.dtype.name], DATA_TYPES[out.dtype.name]
    alpha, beta = scalar(1, a.dtype), scalar(add, a.dtype)
    a_stride, b_stride, stride = (s.strides[0] // s.itemsize for s in (a, b, out))
    status = library().cublasGemmStridedBatchedEx(
        handle().pointer, b_transpose, a_transpose, m, n, a.shape[2], ctypes.byref(alpha),
        b.data.ptr, dtype, b_lead, b_stride, a.data.ptr, dtype, a_lead, a_stride,
        ctypes.byref(beta), out.data.ptr, out_dtype, layout(out)[1], stride, count,
        compute_type(a.dtype), _DEFAULT_ALGORITHM,
    )  # fmt: skip
    check(status, "cublasGemmStridedBatchedEx")
