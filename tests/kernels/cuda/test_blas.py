"""What cuBLAS is asked for, told by a stand-in that does on the host what its manual says."""

from __future__ import annotations

import ctypes
import sys
import threading
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from nnaccel_kernels.cuda import _blas

KINDS = {0: np.float32, 1: np.float64}  # CUDA_R_32F, CUDA_R_64F


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
        assert kind == kind_b == kind_c
        self.compute.append(compute)
        size = np.dtype(KINDS[kind]).itemsize
        for i in range(count):
            left = columns(a + i * a_apart * size, kind, (k, m) if turn_a else (m, k), lda)
            right = columns(b + i * b_apart * size, kind, (n, k) if turn_b else (k, n), ldb)
            out = columns(c + i * apart * size, kind, (m, n), ldc)
            product = (left.T if turn_a else left) @ (right.T if turn_b else right)
            out[...] = number(one, kind) * product + number(kept, kind) * out
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


def number(pointer: Any, kind: int) -> float:
    return float(pointer._obj.value)


@pytest.fixture
def library(monkeypatch: pytest.MonkeyPatch) -> Cublas:
    made = Cublas()
    stream = SimpleNamespace(ptr=0)
    runtime = SimpleNamespace(getDevice=lambda: made.device)
    cuda = SimpleNamespace(get_current_stream=lambda: stream, runtime=runtime)
    cupy = SimpleNamespace(cuda=cuda, empty=lambda n, t: np.empty(8, t).view(Matrix))
    monkeypatch.setitem(sys.modules, "cupy", cupy)
    monkeypatch.setattr(_blas, "_library", lambda: made)
    monkeypatch.setattr(_blas, "_local", threading.local())
    monkeypatch.setattr(_blas, "_idle", {})
    made.stream = stream  # type: ignore[attr-defined]
    return made


def drawn(rng: Any, rows: int, across: int, dtype: Any, how: str) -> Any:
    """A matrix as it is, turned, or cut out of a larger one."""
    if how == "turned":
        return rng.standard_normal((across, rows)).astype(dtype).view(Matrix).T
    wide = rng.standard_normal((rows, across + 3)).astype(dtype).view(Matrix)
    return wide[:, 1 : across + 1] if how == "cut" else wide[:, :across].copy()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("a_how", ["plain", "turned", "cut"])
@pytest.mark.parametrize("b_how", ["plain", "turned", "cut"])
@pytest.mark.parametrize("sizes", [(3, 4, 5), (1, 1, 1), (1, 6, 2), (6, 1, 3), (2, 5, 1)])
def test_products_of_any_layout(
    library: Cublas, dtype: Any, a_how: str, b_how: str, sizes: tuple[int, int, int]
) -> None:
    n, k, m = sizes
    rng = np.random.default_rng(0)
    a, b = drawn(rng, n, k, dtype, a_how), drawn(rng, k, m, dtype, b_how)
    for out_how in ("plain", "cut"):
        out = drawn(rng, n, m, dtype, out_how)
        before, tolerance = np.array(out), 1e-5 if dtype == np.float32 else 1e-12
        _blas.matmul(a, b, out)
        np.testing.assert_allclose(out, np.array(a) @ np.array(b), tolerance, tolerance)
        out[...] = before
        _blas.matmul(a, b, out, add=True)
        np.testing.assert_allclose(out, before + np.array(a) @ np.array(b), tolerance, tolerance)


def test_stacks_of_products(library: Cublas) -> None:
    rng = np.random.default_rng(0)
    a, b = (rng.standard_normal(shape).view(Matrix) for shape in ((4, 5, 3), (4, 5, 2)))
    out = np.ones((4, 3, 2)).view(Matrix)
    _blas.matmul_each(a.transpose(0, 2, 1), b, out, add=True)
    np.testing.assert_allclose(out, 1 + np.array(a).transpose(0, 2, 1) @ np.array(b))


def test_nothing_to_multiply(library: Cublas) -> None:
    out = np.ones((2, 3)).view(Matrix)
    _blas.matmul(np.ones((2, 0)), np.ones((0, 3)), out)
    assert (out == 0).all()
    _blas.matmul(np.ones((0, 2)), np.ones((2, 3)), np.ones((0, 3)))
    assert library.compute == []


def test_a_new_stream_gets_the_workspace_again(library: Any) -> None:
    a = np.ones((2, 2), np.float32).view(Matrix)
    for stream in (0, 0, 7, 0):
        library.stream.ptr = stream
        _blas.matmul(a, a, a.copy())
    assert library.streams == [0, 7, 0]
    assert library.workspaces == 3


def test_a_handle_for_each_thread_and_device_left_to_the_next_thread(library: Cublas) -> None:
    def multiply() -> None:
        a = np.ones((2, 2), np.float32).view(Matrix)
        _blas.matmul(a, a, a.copy())

    for _ in range(2):
        thread = threading.Thread(target=multiply)
        thread.start()
        thread.join()
    assert library.handles == 1
    multiply()
    assert library.handles == 1, "left by the thread that ended"
    thread = threading.Thread(target=multiply)
    thread.start()
    thread.join()
    assert library.handles == 2
    library.device = 1
    multiply()
    assert library.handles == 3


def test_tf32_is_for_single_precision(library: Cublas, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_blas, "_settings", {"tf32": False})
    for on in (False, True):
        _blas.set_tf32(on)
        assert _blas.uses_tf32() is on
        for dtype in (np.float32, np.float64):
            a = np.ones((2, 2), dtype).view(Matrix)
            _blas.matmul(a, a, a.copy())
    assert library.compute == [68, 70, 77, 70]
