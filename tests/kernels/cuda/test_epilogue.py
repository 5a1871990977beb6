"""Products with epilogues by a stand-in for cuBLASLt, and when the dense layer uses them."""

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
@pytest.mark.parametrize(
    "layouts", ["plain plain", "transposed plain", "plain transposed", "slice slice"]
)
@pytest.mark.parametrize("sizes", [(3, 4, 5), (1, 1, 1), (6, 1, 3), (2, 5, 1)])
def test_products_with_an_epilogue(
    library: Cublas, dtype: Any, epilogue: int, layouts: str, sizes: tuple[int, int, int]
) -> None:
    n, k, m = sizes
    rng, (a_layout, b_layout) = np.random.default_rng(0), layouts.split()
    a, b = drawn(rng, n, k, dtype, a_layout), drawn(rng, k, m, dtype, b_layout)
    bias, out = rng.standard_normal(m).astype(dtype).view(Matrix), drawn(rng, n, m, dtype, "slice")
    wanted_bias = bias.copy()
    matmul_with_epilogue(epilogue, a, b, out, bias)
    wanted = np.array(a, float) @ np.array(b, float)
    if epilogue == BIAS_GRADIENT:
        wanted_bias = np.array(b, float).sum(axis=0)
    else:
        wanted += wanted_bias
    wanted = np.maximum(wanted, 0) if epilogue == RELU_BIAS else wanted
    np.testing.assert_allclose(out, wanted, TOLERANCE[dtype], TOLERANCE[dtype])
    np.testing.assert_allclose(bias, wanted_bias, TOLERANCE[dtype], TOLERANCE[dtype])


def test_a_product_is_described_once_and_runs_on_new_arrays(library: Cublas) -> None:
    a, counts = np.ones((64, 64), np.float32).view(Matrix), []
    for value in (1.0, 2.0, 3.0):
        bias, out = np.full(64, value, np.float32).view(Matrix), a.copy()
        matmul_with_epilogue(BIAS, a, a, out, bias)
        assert (out == 64 + value).all()
        counts.append(len(library.lt.objects))
    assert counts[-1] <= 1 + 5 * 3, "at most one for each alignment"


def aligned_zeros(dtype: Any, offset: int, *shape: int) -> Matrix:
    """Zeros whose address is `offset` bytes past a multiple of 256."""
    memory = np.zeros(1024, np.uint8)
    begin = -memory.ctypes.data % 256 + offset
    size = int(np.prod(shape)) * np.dtype(dtype).itemsize
    return memory[begin : begin + size].view(dtype).reshape(shape).view(Matrix)


def test_each_kind_of_product_is_described(
    library: Cublas, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cublas, "_settings", {"tf32": False})
    products = cublas.handle().products
    bfloat16 = ml_dtypes.bfloat16
    kinds = (np.float16, 0, 0), (bfloat16, 0, 0), (np.float16, 16, 0), (np.float32, 0, 1)
    for count, (dtype, offset, tf32) in enumerate([*kinds, (np.float32, 0, 0)], 1):
        cublas.set_tf32(bool(tf32))
        for _ in range(2):
            a, out = (aligned_zeros(dtype, 0, 4, 4) for _ in range(2))
            matmul_with_epilogue(BIAS, a, a, out, aligned_zeros(dtype, offset, 4))
        assert len(products) == count


@pytest.mark.parametrize("lacks", ["has_algorithms", "runs"])
def test_a_product_that_cublaslt_does_not_support(library: Cublas, lacks: str) -> None:
    setattr(library.lt, lacks, False)
    a = np.ones((2, 2), np.float32).view(Matrix)
    with pytest.raises(NotImplementedError, match=r"Matmul does not|no algorithm"):
        matmul_with_epilogue(BIAS, a, a, a.copy(), a[0])


@pytest.mark.parametrize("lacks", ["has_algorithms", "runs"])
def test_strides_that_cublaslt_does_not_support_fall_back(
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
    assert library.lt.epilogues == []
    linear.linear_backward(x, x, x, None, dw, b)
    assert library.lt.epilogues == [BIAS_GRADIENT]
    np.testing.assert_array_equal(dw, np.eye(3))


@pytest.mark.parametrize("choice", ["cuBLASLt", "cuBLAS and a kernel", None])
@pytest.mark.parametrize("activation", ["linear", "relu", "tanh"])
def test_the_dense_layer_runs_the_autotuned_choice(
    library: Cublas, monkeypatch: pytest.MonkeyPatch, choice: str | None, activation: str
) -> None:
    kernels: list[str] = []
    monkeypatch.setattr(linear, "autotune", lambda *_: (choice, "") if choice else None)
    monkeypatch.setattr(linear, "bias_activate", lambda y, b, *_: kernels.append("bias"))
    monkeypatch.setattr(linear, "sum_channels", lambda *_: kernels.append("sums"))
    x, w = (np.eye(3, dtype=np.float32).view(Matrix) for _ in range(2))
    b, y = np.ones(3, np.float32).view(Matrix), np.empty((3, 3), np.float32).view(Matrix)
    linear.linear(x, w, b, activation, 0.0, y)
    linear.linear_backward(y, x, w, None, w.copy(), b)
    fused = choice == "cuBLASLt"
    assert kernels == ([] if fused and activation != "tanh" else ["bias"]) + ["sums"] * (not fused)
    forward = {"linear": [BIAS], "relu": [RELU_BIAS], "tanh": []}[activation]
    assert library.lt.epilogues == ([*forward, BIAS_GRADIENT] if fused else [])
