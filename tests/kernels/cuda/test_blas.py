"""Matrix products by a stand-in for cuBLAS, which checks the arguments it gets."""

from __future__ import annotations

import ctypes
import threading
from typing import Any

import ml_dtypes
import numpy as np
import pytest

from nnaccel_kernels.cuda.runtime import blas, cublas

from .cublas import Cublas, Matrix, drawn


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("a_layout", ["plain", "transposed", "slice"])
@pytest.mark.parametrize("b_layout", ["plain", "transposed", "slice"])
@pytest.mark.parametrize("sizes", [(3, 4, 5), (1, 1, 1), (1, 6, 2), (6, 1, 3), (2, 5, 1)])
def test_products_of_any_layout(
    library: Cublas, dtype: Any, a_layout: str, b_layout: str, sizes: tuple[int, int, int]
) -> None:
    n, k, m = sizes
    rng = np.random.default_rng(0)
    a, b = drawn(rng, n, k, dtype, a_layout), drawn(rng, k, m, dtype, b_layout)
    for out_layout in ("plain", "slice"):
        out = drawn(rng, n, m, dtype, out_layout)
        before, tolerance = np.array(out), 1e-5 if dtype == np.float32 else 1e-12
        blas.matmul(a, b, out)
        np.testing.assert_allclose(out, np.array(a) @ np.array(b), tolerance, tolerance)
        out[...] = before
        blas.matmul(a, b, out, add=True)
        np.testing.assert_allclose(out, before + np.array(a) @ np.array(b), tolerance, tolerance)


def test_batched_products(library: Cublas) -> None:
    rng = np.random.default_rng(0)
    a, b = (rng.standard_normal(shape).view(Matrix) for shape in ((4, 5, 3), (4, 5, 2)))
    out = np.ones((4, 3, 2)).view(Matrix)
    blas.batched_matmul(a.transpose(0, 2, 1), b, out, add=True)
    np.testing.assert_allclose(out, 1 + np.array(a).transpose(0, 2, 1) @ np.array(b))


def test_empty_products(library: Cublas) -> None:
    out = np.ones((2, 3)).view(Matrix)
    blas.matmul(np.ones((2, 0)), np.ones((0, 3)), out)
    assert (out == 0).all()
    blas.matmul(np.ones((0, 2)), np.ones((2, 3)), np.ones((0, 3)))
    assert library.compute == []


def test_a_new_stream_sets_the_workspace_again(library: Any) -> None:
    a = np.ones((2, 2), np.float32).view(Matrix)
    for stream in (0, 0, 7, 0):
        library.stream.ptr = stream
        blas.matmul(a, a, a.copy())
    assert library.streams == [0, 7, 0]
    assert library.workspaces == 3


def test_each_thread_and_device_has_a_handle_and_an_idle_one_is_reused(library: Cublas) -> None:
    def multiply() -> None:
        a = np.ones((2, 2), np.float32).view(Matrix)
        blas.matmul(a, a, a.copy())

    for _ in range(2):
        thread = threading.Thread(target=multiply)
        thread.start()
        thread.join()
    assert library.handles == 1
    multiply()
    assert library.handles == 1, "reused after the thread ended"
    thread = threading.Thread(target=multiply)
    thread.start()
    thread.join()
    assert library.handles == 2
    library.device = 1
    multiply()
    assert library.handles == 3


def test_a_handle_that_graphs_use_stays_theirs_when_its_thread_ends(library: Cublas) -> None:
    graphs: list[object] = []

    def multiply() -> None:
        a = np.ones((2, 2), np.float32).view(Matrix)
        blas.matmul(a, a, a.copy())

    def capture() -> None:
        multiply()
        graphs.append(cublas.lease())

    for run, handles in ((capture, 1), (multiply, 2), (multiply, 2)):
        thread = threading.Thread(target=run)
        thread.start()
        thread.join()
        assert library.handles == handles
    graphs.clear()
    assert [len(idle) for idle in cublas._idle.values()] == [2]


def test_tf32_is_for_single_precision(library: Cublas, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cublas, "_settings", {"tf32": False})
    for on in (False, True):
        cublas.set_tf32(on)
        assert cublas.uses_tf32() is on
        for dtype in (np.float32, np.float64):
            a = np.ones((2, 2), dtype).view(Matrix)
            blas.matmul(a, a, a.copy())
    assert library.compute == [68, 70, 77, 70]


@pytest.mark.parametrize("dtype", [np.float16, ml_dtypes.bfloat16])
def test_16_bit_factors_are_accumulated_in_float32(library: Cublas, dtype: Any) -> None:
    rng = np.random.default_rng(0)
    a, b = (drawn(rng, 5, 5, dtype, layout) for layout in ("plain", "transposed"))
    wanted = np.array(a, np.float32) @ np.array(b, np.float32)
    wide, narrow = np.empty((5, 5), np.float32).view(Matrix), a.copy()
    blas.matmul(a, b, wide)
    blas.matmul(a, b, narrow)
    np.testing.assert_allclose(wide, wanted, 1e-6, 1e-6)
    np.testing.assert_array_equal(narrow, wanted.astype(dtype))
    assert library.compute == [68, 68]


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.float16, ml_dtypes.bfloat16])
@pytest.mark.parametrize("tf32", [False, True])
def test_scalars_have_the_size_that_the_compute_type_asks_for(
    monkeypatch: pytest.MonkeyPatch, dtype: Any, tf32: bool
) -> None:
    monkeypatch.setattr(cublas, "_settings", {"tf32": tf32})
    kind = np.dtype(dtype)
    sizes = {68: ctypes.c_float, 70: ctypes.c_double, 77: ctypes.c_float}
    assert type(cublas.scalar(1, kind)) is sizes[cublas.compute_type(kind)]
