"""A stand-in for cuBLAS and cuBLASLt that computes on the host what their manual specifies."""

from __future__ import annotations

import ctypes
import sys
import threading
from types import SimpleNamespace
from typing import Any

import ml_dtypes
import numpy as np
import pytest

from nnaccel_kernels.cuda.runtime import blas, cublas, epilogue

DTYPES = {0: np.float32, 1: np.float64, 2: np.float16, 14: ml_dtypes.bfloat16}  # CUDA_R_32F, …
# CUBLAS_COMPUTE_32F, _64F, _32F_FAST_TF32
ACCUMULATION = {68: np.float32, 70: np.float64, 77: np.float32}


class Matrix(np.ndarray):
    """A NumPy array with its address where CuPy arrays have it."""

    @property
    def data(self) -> Any:  # type: ignore[override]
        return SimpleNamespace(ptr=self.ctypes.data)


class Cublas:
    """cuBLAS: products of column-major matrices."""

    def __init__(self) -> None:
        self.streams: list[int] = []
        self.workspaces = 0
        self.compute: list[int] = []
        self.device = self.handles = 0
        self.lt = CublasLt()
        self.stream: Any = None

    def cublasCreate_v2(self, handle: Any) -> int:  # noqa: N802
        self.handles += 1
        return 0

    def cublasSetStream_v2(self, handle: Any, stream: int) -> int:  # noqa: N802
        self.streams.append(stream)
        return 0

    def cublasSetWorkspace_v2(self, handle: Any, address: int, size: int) -> int:  # noqa: N802
        assert size == 32 << 20
        self.workspaces += 1
        return 0

    def cublasGemmStridedBatchedEx(self, handle: Any, *args: Any) -> int:  # noqa: N802
        transpose_a, transpose_b, m, n, k, alpha, a, dtype, lda, a_stride, *rest = args
        b, b_dtype, ldb, b_stride, beta, c, c_dtype, ldc, c_stride, count, compute, _ = rest
        assert dtype == b_dtype
        assert c_dtype == dtype or ACCUMULATION[compute] == np.float32 == DTYPES[c_dtype]
        self.compute.append(compute)
        size, c_size = (np.dtype(DTYPES[d]).itemsize for d in (dtype, c_dtype))
        a_shape, b_shape = (k, m) if transpose_a else (m, k), (n, k) if transpose_b else (k, n)
        for i in range(count):
            left = column_major(a + i * a_stride * size, dtype, a_shape, lda)
            right = column_major(b + i * b_stride * size, dtype, b_shape, ldb)
            out = column_major(c + i * c_stride * c_size, c_dtype, (m, n), ldc)
            left, right = (side.astype(ACCUMULATION[compute]) for side in (left, right))
            product = (left.T if transpose_a else left) @ (right.T if transpose_b else right)
            out[...] = number(alpha) * product + number(beta) * out.astype(ACCUMULATION[compute])
        return 0


def column_major(address: int, code: int, shape: tuple[int, int], lead: int) -> np.ndarray:
    """A column-major matrix in memory, with a leading dimension; `code` is its data type."""
    assert lead >= shape[0]
    dtype = np.dtype(DTYPES[code])
    count = (shape[1] - 1) * lead + shape[0]
    memory = (ctypes.c_char * (count * dtype.itemsize)).from_address(address)
    flat = np.frombuffer(memory, dtype)
    strides = dtype.itemsize, lead * dtype.itemsize
    return np.lib.stride_tricks.as_strided(flat, shape, strides)


def number(pointer: Any) -> float:
    return float(pointer._obj.value)


class CublasLt:
    """cuBLASLt: products with an epilogue, described by objects and their attributes."""

    def __init__(self) -> None:
        self.objects: list[dict[Any, Any]] = [{}]  # a pointer is an index into this list
        self.epilogues: list[int] = []  # of the products so far
        self.has_algorithms = self.runs = True

    def _create(self, pointer: Any, **attributes: Any) -> int:
        self.objects.append(attributes)
        pointer._obj.value = len(self.objects) - 1
        return 0

    def cublasLtMatmulDescCreate(self, pointer: Any, compute: int, scale: int) -> int:  # noqa: N802
        return self._create(pointer, compute=compute, scale=scale)

    def cublasLtMatrixLayoutCreate(  # noqa: N802
        self, pointer: Any, dtype: int, rows: int, columns: int, lead: int
    ) -> int:
        return self._create(pointer, dtype=dtype, shape=(rows, columns), lead=lead)

    def cublasLtMatmulPreferenceCreate(self, pointer: Any) -> int:  # noqa: N802
        return self._create(pointer)

    def cublasLtMatmulDescSetAttribute(self, *args: Any) -> int:  # noqa: N802
        return self._set_attribute(8, *args)

    def cublasLtMatmulPreferenceSetAttribute(self, *args: Any) -> int:  # noqa: N802
        return self._set_attribute(1, *args)

    def _set_attribute(self, wide: int, target: Any, attribute: int, value: Any, size: int) -> int:
        """Set an attribute of four bytes, or of eight if it is the `wide` one."""
        assert size == ctypes.sizeof(value._obj) == (8 if attribute == wide else 4)
        self.objects[target.value][attribute] = value._obj.value
        return 0

    def cublasLtMatmulAlgoGetHeuristic(  # noqa: N802
        self, handle: Any, product: Any, a: Any, b: Any, c: Any, d: Any, preference: Any, *rest: Any
    ) -> int:
        wanted, found, count = rest
        assert (wanted, c.value) == (1, d.value)
        preferences = self.objects[preference.value]
        assert preferences[1] == 32 << 20
        assert all(preferences[key] in (2, 4, 8, 16, 32, 64, 128, 256) for key in (5, 6, 7, 8))
        found._obj.algorithm[0], count._obj.value = 7, int(self.has_algorithms)
        return 0

    def cublasLtMatmul(self, handle: Any, product: Any, *args: Any) -> int:  # noqa: N802
        one, a, a_layout, b, b_layout, zero, c, c_layout, d, d_layout, algorithm, *_ = args
        assert (number(one), number(zero), c, c_layout) == (1, 0, d, d_layout)
        assert algorithm._obj[0] == 7
        if not self.runs:
            return 15  # CUBLAS_STATUS_NOT_SUPPORTED
        attributes = self.objects[product.value]
        left, right, out = map(self._matrix, (a, b, d), (a_layout, b_layout, d_layout))
        dtype, epilogue = ACCUMULATION[attributes["compute"]], attributes[7]
        left, right = (m.astype(dtype) for m in (left, right))
        left, right = left.T if attributes[3] else left, right.T if attributes[4] else right
        bias_type = attributes[26]
        assert bias_type == self.objects[d_layout.value]["dtype"], "a bias has the output's type"
        bias = column_major(attributes[8], bias_type, (len(left), 1), len(left))
        result = left @ right
        if epilogue == 256:  # CUBLASLT_EPILOGUE_BGRADA
            bias[:, 0] = left.sum(axis=1)
        else:
            result += bias.astype(dtype)
        out[...] = np.maximum(result, 0) if epilogue & 2 else result
        self.epilogues.append(epilogue)
        return 0

    def _matrix(self, address: int, layout: Any) -> np.ndarray:
        matrix = self.objects[layout.value]
        return column_major(address, matrix["dtype"], matrix["shape"], matrix["lead"])


def drawn(rng: Any, rows: int, columns: int, dtype: Any, layout: str) -> Any:
    """A matrix that is contiguous ("plain"), transposed, or a slice of a wider one."""
    if layout == "transposed":
        return rng.standard_normal((columns, rows)).astype(dtype).view(Matrix).T
    wide = rng.standard_normal((rows, columns + 3)).astype(dtype).view(Matrix)
    return wide[:, 1 : columns + 1] if layout == "slice" else wide[:, :columns].copy()


@pytest.fixture
def library(monkeypatch: pytest.MonkeyPatch) -> Cublas:
    stand_in = Cublas()
    stream = SimpleNamespace(ptr=0)
    runtime = SimpleNamespace(getDevice=lambda: stand_in.device)
    cuda = SimpleNamespace(get_current_stream=lambda: stream, runtime=runtime)
    cupy = SimpleNamespace(cuda=cuda, empty=lambda n, t: np.empty(8, t).view(Matrix))
    monkeypatch.setitem(sys.modules, "cupy", cupy)
    monkeypatch.setattr(cublas, "library", lambda: stand_in)
    monkeypatch.setattr(blas, "library", lambda: stand_in)
    monkeypatch.setattr(cublas, "_local", threading.local())
    monkeypatch.setattr(cublas, "_idle", {})
    monkeypatch.setattr(epilogue, "lt_library", lambda: stand_in.lt)
    stand_in.stream = stream
    return stand_in
