"""A stand-in for cuBLAS and cuBLASLt that does on the host what their manual says."""

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

KINDS = {0: np.float32, 1: np.float64, 2: np.float16, 14: ml_dtypes.bfloat16}  # CUDA_R_32F, …
SUMS = {68: np.float32, 70: np.float64, 77: np.float32}  # CUBLAS_COMPUTE_32F, _64F, _32F_FAST_TF32


class Matrix(np.ndarray):
    """A NumPy array that says where it is as CuPy's do."""

    @property
    def data(self) -> Any:  # type: ignore[override]
        return SimpleNamespace(ptr=self.ctypes.data)


class Cublas:
    """Products of matrices that lie column by column."""

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

    def cublasSetWorkspace_v2(self, handle: Any, place: int, size: int) -> int:  # noqa: N802
        assert size == 32 << 20
        self.workspaces += 1
        return 0

    def cublasGemmStridedBatchedEx(self, handle: Any, *args: Any) -> int:  # noqa: N802
        turn_a, turn_b, m, n, k, one, a, kind, lda, a_apart, *rest = args
        b, kind_b, ldb, b_apart, kept, c, kind_c, ldc, apart, count, compute, _ = rest
        assert kind == kind_b
        assert kind_c == kind or SUMS[compute] == np.float32 == KINDS[kind_c]
        self.compute.append(compute)
        size = np.dtype(KINDS[kind]).itemsize
        for i in range(count):
            left = columns(a + i * a_apart * size, kind, (k, m) if turn_a else (m, k), lda)
            right = columns(b + i * b_apart * size, kind, (n, k) if turn_b else (k, n), ldb)
            out = columns(c + i * apart * np.dtype(KINDS[kind_c]).itemsize, kind_c, (m, n), ldc)
            left, right = (side.astype(SUMS[compute]) for side in (left, right))
            product = (left.T if turn_a else left) @ (right.T if turn_b else right)
            out[...] = number(one) * product + number(kept) * out.astype(SUMS[compute])
        return 0


def columns(place: int, kind: int, shape: tuple[int, int], apart: int) -> np.ndarray:
    """A matrix in memory, whose columns begin `apart` numbers from one another."""
    assert apart >= shape[0]
    dtype = np.dtype(KINDS[kind])
    count = (shape[1] - 1) * apart + shape[0]
    memory = (ctypes.c_char * (count * dtype.itemsize)).from_address(place)
    flat = np.frombuffer(memory, dtype)
    strides = dtype.itemsize, apart * dtype.itemsize
    return np.lib.stride_tricks.as_strided(flat, shape, strides)


def number(pointer: Any) -> float:
    return float(pointer._obj.value)


class CublasLt:
    """Products with an epilogue, described by attributes of what is made first."""

    def __init__(self) -> None:
        self.made: list[dict[Any, Any]] = [{}]  # a pointer is a place in this list
        self.multiplied: list[int] = []
        self.has_algorithms = self.runs = True

    def _make(self, pointer: Any, **what: Any) -> int:
        self.made.append(what)
        pointer._obj.value = len(self.made) - 1
        return 0

    def cublasLtMatmulDescCreate(self, pointer: Any, compute: int, scale: int) -> int:  # noqa: N802
        return self._make(pointer, compute=compute, scale=scale)

    def cublasLtMatrixLayoutCreate(  # noqa: N802
        self, pointer: Any, kind: int, rows: int, columns: int, lead: int
    ) -> int:
        return self._make(pointer, kind=kind, shape=(rows, columns), lead=lead)

    def cublasLtMatmulPreferenceCreate(self, pointer: Any) -> int:  # noqa: N802
        return self._make(pointer)

    def cublasLtMatmulDescSetAttribute(self, *args: Any) -> int:  # noqa: N802
        return self._note(8, *args)

    def cublasLtMatmulPreferenceSetAttribute(self, *args: Any) -> int:  # noqa: N802
        return self._note(1, *args)

    def _note(self, wide: int, what: Any, attribute: int, value: Any, size: int) -> int:
        """Note an attribute of four bytes, or of eight if it is the `wide` one."""
        assert size == ctypes.sizeof(value._obj) == (8 if attribute == wide else 4)
        self.made[what.value][attribute] = value._obj.value
        return 0

    def cublasLtMatmulAlgoGetHeuristic(  # noqa: N802
        self, handle: Any, what: Any, a: Any, b: Any, c: Any, d: Any, wish: Any, *rest: Any
    ) -> int:
        wanted, found, count = rest
        assert (wanted, c.value) == (1, d.value)
        wishes = self.made[wish.value]
        assert wishes[1] == 32 << 20
        assert all(wishes[side] in (2, 4, 8, 16, 32, 64, 128, 256) for side in (5, 6, 7, 8))
        found._obj.algorithm[0], count._obj.value = 7, int(self.has_algorithms)
        return 0

    def cublasLtMatmul(self, handle: Any, what: Any, *args: Any) -> int:  # noqa: N802
        one, a, a_side, b, b_side, zero, c, c_side, d, d_side, algorithm, *_ = args
        assert (number(one), number(zero), c, c_side) == (1, 0, d, d_side)
        assert algorithm._obj[0] == 7
        if not self.runs:
            return 15  # CUBLAS_STATUS_NOT_SUPPORTED
        asked = self.made[what.value]
        left, right, out = (self._matrix(*side) for side in ((a, a_side), (b, b_side), (d, d_side)))
        sums = SUMS[asked["compute"]]
        left, right = (m.astype(sums) for m in (left, right))
        left, right = left.T if asked[3] else left, right.T if asked[4] else right
        assert asked[26] == self.made[d_side.value]["kind"], "a bias is of the results' type"
        vector = columns(asked[8], asked[26], (len(left), 1), len(left))
        product = left @ right
        if asked[7] == 256:  # CUBLASLT_EPILOGUE_BGRADA
            vector[:, 0] = left.sum(axis=1)
        else:
            product += vector.astype(sums)
        out[...] = np.maximum(product, 0) if asked[7] & 2 else product
        self.multiplied.append(asked[7])
        return 0

    def _matrix(self, place: int, side: Any) -> np.ndarray:
        lies = self.made[side.value]
        return columns(place, lies["kind"], lies["shape"], lies["lead"])


def drawn(rng: Any, rows: int, across: int, dtype: Any, how: str) -> Any:
    """A matrix as it is, turned, or cut out of a larger one."""
    if how == "turned":
        return rng.standard_normal((across, rows)).astype(dtype).view(Matrix).T
    wide = rng.standard_normal((rows, across + 3)).astype(dtype).view(Matrix)
    return wide[:, 1 : across + 1] if how == "cut" else wide[:, :across].copy()


@pytest.fixture
def library(monkeypatch: pytest.MonkeyPatch) -> Cublas:
    made = Cublas()
    stream = SimpleNamespace(ptr=0)
    runtime = SimpleNamespace(getDevice=lambda: made.device)
    cuda = SimpleNamespace(get_current_stream=lambda: stream, runtime=runtime)
    cupy = SimpleNamespace(cuda=cuda, empty=lambda n, t: np.empty(8, t).view(Matrix))
    monkeypatch.setitem(sys.modules, "cupy", cupy)
    monkeypatch.setattr(cublas, "library", lambda: made)
    monkeypatch.setattr(blas, "library", lambda: made)
    monkeypatch.setattr(cublas, "_local", threading.local())
    monkeypatch.setattr(cublas, "_idle", {})
    monkeypatch.setattr(epilogue, "lt_library", lambda: made.lt)
    made.stream = stream
    return made
