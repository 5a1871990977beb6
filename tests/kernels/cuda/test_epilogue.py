"""What cuBLASLt is asked for, told by a stand-in, and when the dense layer asks it."""

from __future__ import annotations

from typing import Any

import ml_dtypes
import numpy as np
import pytest

from nnaccel_kernels.cuda import linear
from nnaccel_kernels.cuda.runtime import cublas
from nnaccel_kernels.cuda.runtime.epilogue import (
    BIAS,
    BIAS_GRADIENT,
    RELU_BIAS,
    matmul_with_epilogue,
)

from .cublas import Cublas, Matrix, drawn

TOLERANCE = {np.float16: 2e-2, np.float32: 1e-5, np.float64: 1e-12}


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("epilogue", [BIAS, RELU_BIAS, BIAS_GRADIENT])
@pytest.mark.parametrize("hows", ["plain plain", "turned plain", "plain turned", "cut cut"])
@pytest.mark.parametrize("sizes", [(3, 4, 5), (1, 1, 1), (6, 1, 3), (2, 5, 1)])
def test_products_with_an_epilogue(
    library: Cublas, dtype: Any, epilogue: int, hows: str, sizes: tuple[int, int, int]
) -> None:
    n, k, m = sizes
    rng, (a_how, b_how) = np.random.default_rng(0), hows.split()
    a, b = drawn(rng, n, k, dtype, a_how), drawn(rng, k, m, dtype, b_how)
    vector, out = rng.standard_normal(m).astype(dtype).view(Matrix), drawn(rng, n, m, dtype, "cut")
    given = vector.copy()
    matmul_with_epilogue(epilogue, a, b, out, vector)
    wanted = np.array(a, float) @ np.array(b, float)
    if epilogue == BIAS_GRADIENT:
        given = np.array(b, float).sum(axis=0)
    else:
        wanted += given
    wanted = np.maximum(wanted, 0) if epilogue == RELU_BIAS else wanted
    np.testing.assert_allclose(out, wanted, TOLERANCE[dtype], TOLERANCE[dtype])
    np.testing.assert_allclose(vector, given, TOLERANCE[dtype], TOLERANCE[dtype])


def test_a_plan_is_made_once_and_follows_its_arrays(library: Cublas) -> None:
    a, made = np.ones((64, 64), np.float32).view(Matrix), []
    for value in (1.0, 2.0, 3.0):
        vector, out = np.full(64, value, np.float32).view(Matrix), a.copy()
        matmul_with_epilogue(BIAS, a, a, out, vector)
        assert (out == 64 + value).all()
        made.append(len(library.lt.made))
    assert made[-1] <= 1 + 5 * 3, "at most one for each alignment"


def placed(dtype: Any, past: int, *shape: int) -> Matrix:
    """Zeros that begin so many bytes past a multiple of 256."""
    memory = np.zeros(1024, np.uint8)
    begin = -memory.ctypes.data % 256 + past
    size = int(np.prod(shape)) * np.dtype(dtype).itemsize
    return memory[begin : begin + size].view(dtype).reshape(shape).view(Matrix)


def test_a_plan_is_for_one_kind_of_product(
    library: Cublas, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cublas, "_settings", {"tf32": False})
    plans = cublas.handle().products
    bfloat16 = ml_dtypes.bfloat16
    kinds = (np.float16, 0, 0), (bfloat16, 0, 0), (np.float16, 16, 0), (np.float32, 0, 1)
    for count, (dtype, past, tf32) in enumerate([*kinds, (np.float32, 0, 0)], 1):
        cublas.set_tf32(bool(tf32))
        for _ in range(2):
            a, out = (placed(dtype, 0, 4, 4) for _ in range(2))
            matmul_with_epilogue(BIAS, a, a, out, placed(dtype, past, 4))
        assert len(plans) == count


@pytest.mark.parametrize("lacks", ["has_algorithms", "runs"])
def test_a_product_that_cublaslt_does_not_do(library: Cublas, lacks: str) -> None:
    setattr(library.lt, lacks, False)
    a = np.ones((2, 2), np.float32).view(Matrix)
    with pytest.raises(NotImplementedError, match=r"Matmul does not|no algorithm"):
        matmul_with_epilogue(BIAS, a, a, a.copy(), a[0])


@pytest.mark.parametrize("lacks", ["has_algorithms", "runs"])
def test_arrays_that_cublaslt_does_not_take_though_it_won(
    library: Cublas, monkeypatch: pytest.MonkeyPatch, lacks: str
) -> None:
    setattr(library.lt, lacks, False)
    monkeypatch.setattr(linear, "autotune", lambda *_: ("cuBLASLt", ""))
    monkeypatch.setattr(linear, "bias_activate", lambda y, b, *_: y.__iadd__(b[:, None, None]))
    x = np.eye(3, dtype=np.float32).view(Matrix)
    y = np.empty((3, 3), np.float32).view(Matrix)
    linear.linear(x, x, np.arange(3, dtype=np.float32).view(Matrix), "relu", 0.0, y)
    np.testing.assert_array_equal(y, np.eye(3) + np.arange(3))


def test_a_bias_of_float32_is_not_added_to_16_bits_by_cublaslt(
    library: Cublas, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(linear, "autotune", lambda *_: ("cuBLASLt", ""))
    monkeypatch.setattr(linear, "bias_activate", lambda *_: None)
    x, b = np.eye(3, dtype=np.float16).view(Matrix), np.ones(3, np.float32).view(Matrix)
    dw = np.empty((3, 3), np.float32).view(Matrix)
    linear.linear(x, x, b, "relu", 0.0, x.copy())
    assert library.lt.multiplied == []
    linear.linear_backward(x, x, x, None, dw, b)
    assert library.lt.multiplied == [BIAS_GRADIENT]
    np.testing.assert_array_equal(dw, np.eye(3))


@pytest.mark.parametrize("won", ["cuBLASLt", "cuBLAS and a kernel", None])
@pytest.mark.parametrize("activation", ["linear", "relu", "tanh"])
def test_the_dense_layer_takes_what_won(
    library: Cublas, monkeypatch: pytest.MonkeyPatch, won: str | None, activation: str
) -> None:
    kernels: list[str] = []
    monkeypatch.setattr(linear, "autotune", lambda *_: (won, "") if won else None)
    monkeypatch.setattr(linear, "bias_activate", lambda y, b, *_: kernels.append("bias"))
    monkeypatch.setattr(linear, "sum_channels", lambda *_: kernels.append("sums"))
    x, w = (np.eye(3, dtype=np.float32).view(Matrix) for _ in range(2))
    b, y = np.ones(3, np.float32).view(Matrix), np.empty((3, 3), np.float32).view(Matrix)
    linear.linear(x, w, b, activation, 0.0, y)
    linear.linear_backward(y, x, w, None, w.copy(), b)
    fused = won == "cuBLASLt"
    assert kernels == ([] if fused and activation != "tanh" else ["bias"]) + ["sums"] * (not fused)
    forward = {"linear": [BIAS], "relu": [RELU_BIAS], "tanh": []}[activation]
    assert library.lt.multiplied == ([*forward, BIAS_GRADIENT] if fused else [])
