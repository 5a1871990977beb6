"""Matrix products by cuBLAS, not through CuPy, whose wrapper refuses while a graph is captured.

Each thread has a handle of its own on each device, with a workspace that stays where it is: a
captured product may be replayed at any time. A thread that ends leaves its handle to the next one.
A thread's products must not run on two streams at a time, since they share the workspace.
"""

from __future__ import annotations

import ctypes
import sys
import threading
from functools import cache
from typing import Any

import numpy as np
from numba import config

from nnaccel_kernels._half import wide
from nnaccel_kernels.cuda._namespace import namespace_of

# From cublas_api.h and library_types.h.
_PLAIN, _TRANSPOSED = 0, 1
_KINDS = {"float32": 0, "float64": 1, "float16": 2, "bfloat16": 14}  # CUDA_R_32F and so on
_COMPUTE = {4: 68, 8: 70}  # CUBLAS_COMPUTE_32F, CUBLAS_COMPUTE_64F by the bytes of a sum
_COMPUTE_TF32 = 77  # CUBLAS_COMPUTE_32F_FAST_TF32
_DEFAULT_ALGORITHM = -1

_WORKSPACE = 32 << 20  # bytes; what NVIDIA advises for sm_90
_SCALARS = {4: ctypes.c_float, 8: ctypes.c_double}

_local = threading.local()
_idle: dict[int, list[_Handle]] = {}  # by device
_settings = {"tf32": False}


def set_tf32(on: bool) -> None:
    """Let products of float32 round their factors to TF32's 10 bits of mantissa, or not."""
    _settings["tf32"] = on


def uses_tf32() -> bool:
    """Whether products of float32 may round their factors to TF32."""
    return _settings["tf32"]


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
        _handle().matmul(a, b, out, add)
    elif not add:
        out.fill(0)


def _handle() -> _Handle:
    """Return this thread's handle on the current device."""
    device = sys.modules["cupy"].cuda.runtime.getDevice()
    leases: dict[int, _Lease] = _local.__dict__.setdefault("leases", {})
    if device not in leases:
        leases[device] = _Lease(_idle.setdefault(device, []))
    return leases[device].handle


class _Lease:
    """A handle for as long as a thread lives: one that lies idle, or a new one."""

    def __init__(self, idle: list[_Handle]) -> None:
        self._idle = idle
        try:
            self.handle = idle.pop()
        except IndexError:
            self.handle = _Handle()

    def __del__(self) -> None:
        if hasattr(self, "handle"):
            self._idle.append(self.handle)


class _Handle:
    """What cuBLAS keeps for one thread on one device."""

    def __init__(self) -> None:
        self._library, handle = _library(), ctypes.c_void_p()
        _check(self._library.cublasCreate_v2(ctypes.byref(handle)), "cublasCreate")
        self._handle, self._stream = handle, -1
        cupy = sys.modules["cupy"]
        self._stream_of = cupy.cuda.get_current_stream
        self._workspace = cupy.empty(_WORKSPACE, np.uint8)

    def matmul(self, a: Any, b: Any, out: Any, add: bool) -> None:
        """Out = a @ b: column by column, as cuBLAS sees memory, out.T = b.T @ a.T."""
        self._on_this_stream()
        a_turn, a_lead = _layout(a)
        b_turn, b_lead = _layout(b)
        count, n, m = out.shape
        kind, out_kind = _KINDS[a.dtype.name], _KINDS[out.dtype.name]
        size = wide(a.dtype).itemsize
        compute = _COMPUTE[size]
        if a.dtype == np.float32 and uses_tf32():
            compute = _COMPUTE_TF32
        one, kept = _SCALARS[size](1), _SCALARS[size](add)
        a_apart, b_apart, apart = (s.strides[0] // s.itemsize for s in (a, b, out))
        done = self._library.cublasGemmStridedBatchedEx(
            self._handle, b_turn, a_turn, m, n, a.shape[2], ctypes.byref(one),
            b.data.ptr, kind, b_lead, b_apart, a.data.ptr, kind, a_lead, a_apart,
            ctypes.byref(kept), out.data.ptr, out_kind, _layout(out)[1], apart, count,
            compute, _DEFAULT_ALGORITHM,
        )  # fmt: skip
        _check(done, "cublasGemmStridedBatchedEx")

    def _on_this_stream(self) -> None:
        """Follow CuPy to its current stream; setting a stream takes the workspace away."""
        stream = self._stream_of().ptr
        if stream == self._stream:
            return
        library, place = self._library, self._workspace.data.ptr
        _check(library.cublasSetStream_v2(self._handle, stream), "cublasSetStream")
        _check(library.cublasSetWorkspace_v2(self._handle, place, _WORKSPACE), "cublasSetWorkspace")
        self._stream = stream


def _layout(a: Any) -> tuple[int, int]:
    """Whether cuBLAS has to turn the matrices, and how far apart their rows, or columns, are."""
    _, rows, columns = a.shape
    if a.strides[2] == a.itemsize or columns == 1:
        return _PLAIN, max(a.strides[1] // a.itemsize, columns)
    return _TRANSPOSED, max(a.strides[2] // a.itemsize, rows)


def _check(status: int, what: str) -> None:
    if status:
        raise RuntimeError(f"{what} failed with status {status}")


@cache
def _library() -> Any:
    """The cuBLAS that CuPy uses, with the types of what is called."""
    from cuda.pathfinder import load_nvidia_dynamic_lib

    library = ctypes.CDLL(load_nvidia_dynamic_lib("cublas").abs_path)
    number, pointer, size = ctypes.c_int, ctypes.c_void_p, ctypes.c_size_t
    apart = ctypes.c_longlong
    library.cublasCreate_v2.argtypes = [pointer]
    library.cublasSetStream_v2.argtypes = [pointer, pointer]
    library.cublasSetWorkspace_v2.argtypes = [pointer, pointer, size]
    matrix: list[Any] = [pointer, number, number, apart]
    sizes, ends = [number] * 5, [pointer, *matrix, number, number, number]
    gemm = library.cublasGemmStridedBatchedEx
    gemm.argtypes = [pointer, *sizes, pointer, *matrix, *matrix, *ends]
    return library
