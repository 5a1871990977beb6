"""The cuBLAS and cuBLASLt libraries, and a handle for each thread and device.

They are called by ctypes, because CuPy's wrapper refuses while a graph is captured. A handle's
workspace is allocated once and never moves, because a captured product may be replayed at any time.
When a thread has ended, and no captured graph holds its lease, its handle goes to the next new
thread. A thread must not run products on two streams at a time, since they share the workspace.
"""

from __future__ import annotations

import ctypes
import sys
import threading
from functools import cache
from typing import Any

import numpy as np

from nnaccel_kernels.half import wide

# From cublas_api.h and library_types.h.
NO_TRANSPOSE, TRANSPOSE = 0, 1  # CUBLAS_OP_N, CUBLAS_OP_T
DATA_TYPES = {"float32": 0, "float64": 1, "float16": 2, "bfloat16": 14}  # CUDA_R_32F and so on
_COMPUTE = {"float32": 68, "float64": 70}  # CUBLAS_COMPUTE_32F, CUBLAS_COMPUTE_64F
_COMPUTE_TF32 = 77  # CUBLAS_COMPUTE_32F_FAST_TF32
_NOT_SUPPORTED = 15  # CUBLAS_STATUS_NOT_SUPPORTED
_SCALARS = {"float32": ctypes.c_float, "float64": ctypes.c_double}

WORKSPACE = 32 << 20  # bytes; NVIDIA's recommendation for sm_90

_local = threading.local()
_idle: dict[int, list[Handle]] = {}  # by device
_settings = {"tf32": False}


def set_tf32(on: bool) -> None:
    """Let products of float32 round their factors to TF32's 10 bits of mantissa, or not."""
    _settings["tf32"] = on


def uses_tf32() -> bool:
    """Whether products of float32 may round their factors to TF32."""
    return _settings["tf32"]


def compute_type(dtype: np.dtype[Any]) -> int:
    """cuBLAS's compute type for factors of a dtype."""
    return _COMPUTE_TF32 if dtype == np.float32 and uses_tf32() else _COMPUTE[wide(dtype).name]


def scalar(value: float, dtype: np.dtype[Any]) -> Any:
    """A number in the accumulation dtype of factors of a dtype, as a ctypes value."""
    return _SCALARS[wide(dtype).name](value)


def layout(a: Any) -> tuple[int, int]:
    """cuBLAS's transpose flag and leading dimension for a matrix."""
    rows, columns = a.shape[-2:]
    if a.strides[-1] == a.itemsize or columns == 1:
        return NO_TRANSPOSE, max(a.strides[-2] // a.itemsize, columns)
    return TRANSPOSE, max(a.strides[-1] // a.itemsize, rows)


def check(status: int, function: str) -> None:
    """Raise unless a call succeeded; NotImplementedError if the device lacks the product."""
    if status == _NOT_SUPPORTED:
        raise NotImplementedError(f"{function} does not support this product")
    if status:
        raise RuntimeError(f"{function} failed with status {status}")


def handle() -> Handle:
    """Return this thread's handle on the current device, set to CuPy's current stream."""
    device = sys.modules["cupy"].cuda.runtime.getDevice()
    leases: dict[int, _Lease] = _local.__dict__.setdefault("leases", {})
    if device not in leases:
        leases[device] = _Lease(_idle.setdefault(device, []))
    leases[device].handle.use_current_stream()
    return leases[device].handle


def lease() -> object:
    """Return what a graph captured by this thread must hold on to: the handle that it used."""
    return _local.__dict__.get("leases", {}).get(sys.modules["cupy"].cuda.runtime.getDevice())


class _Lease:
    """A handle, an idle one or a new one, for the lifetime of a thread and of its graphs."""

    def __init__(self, idle: list[Handle]) -> None:
        self._idle = idle
        try:
            self.handle = idle.pop()
        except IndexError:
            self.handle = Handle()

    def __del__(self) -> None:
        if hasattr(self, "handle"):
            self._idle.append(self.handle)


class Handle:
    """A cuBLAS handle of one thread on one device.

    Attributes
    ----------
    pointer : c_void_p
        The library's handle, which cuBLASLt accepts too.
    stream : int
        Address of the stream on which products run.
    workspace : int
        Address of `WORKSPACE` bytes.
    products : dict
        Products described to cuBLASLt, by kind.
    """

    def __init__(self) -> None:
        cupy, self.pointer = sys.modules["cupy"], ctypes.c_void_p()
        check(library().cublasCreate_v2(ctypes.byref(self.pointer)), "cublasCreate")
        self._stream_of = cupy.cuda.get_current_stream
        self._memory = cupy.empty(WORKSPACE, np.uint8)
        self.workspace: int = self._memory.data.ptr
        self.stream = -1
        self.products: dict[Any, Any] = {}

    def use_current_stream(self) -> None:
        """Switch to CuPy's current stream. cuBLAS drops the workspace then, so it is set again."""
        stream = self._stream_of().ptr
        if stream == self.stream:
            return
        cublas, pointer = library(), self.pointer
        check(cublas.cublasSetStream_v2(pointer, stream), "cublasSetStream")
        status = cublas.cublasSetWorkspace_v2(pointer, self.workspace, WORKSPACE)
        check(status, "cublasSetWorkspace")
        self.stream = stream


@cache
def library() -> Any:
    """The cuBLAS library that CuPy uses, with argument types for ctypes."""
    cublas = _load("cublas")
    number, pointer, size = ctypes.c_int, ctypes.c_void_p, ctypes.c_size_t
    stride = ctypes.c_longlong
    cublas.cublasCreate_v2.argtypes = [pointer]
    cublas.cublasSetStream_v2.argtypes = [pointer, pointer]
    cublas.cublasSetWorkspace_v2.argtypes = [pointer, pointer, size]
    matrix: list[Any] = [pointer, number, number, stride]
    sizes, ends = [number] * 5, [pointer, *matrix, number, number, number]
    gemm = cublas.cublasGemmStridedBatchedEx
    gemm.argtypes = [pointer, *sizes, pointer, *matrix, *matrix, *ends]
    return cublas


@cache
def lt_library() -> Any:
    """The cuBLASLt library beside it, with argument types for ctypes."""
    cublas = _load("cublasLt")
    number, pointer, size = ctypes.c_int, ctypes.c_void_p, ctypes.c_size_t
    matrix = [ctypes.c_uint64, ctypes.c_uint64, ctypes.c_int64]  # rows, columns, leading dimension
    cublas.cublasLtMatmulDescCreate.argtypes = [pointer, number, number]
    cublas.cublasLtMatrixLayoutCreate.argtypes = [pointer, number, *matrix]
    cublas.cublasLtMatmulPreferenceCreate.argtypes = [pointer]
    for name in ("MatmulDesc", "MatmulPreference"):
        setter = getattr(cublas, f"cublasLt{name}SetAttribute")
        setter.argtypes = [pointer, number, pointer, size]
    heuristic = cublas.cublasLtMatmulAlgoGetHeuristic
    heuristic.argtypes = [*[pointer] * 7, number, pointer, pointer]
    matmul = cublas.cublasLtMatmul
    matmul.argtypes = [*[pointer] * 14, size, pointer]
    return cublas


def _load(name: str) -> Any:
    from cuda.pathfinder import load_nvidia_dynamic_lib

    return ctypes.CDLL(load_nvidia_dynamic_lib(name).abs_path)
