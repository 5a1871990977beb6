"""The real cuBLASLt, which describes products without a device: it says what it was told."""

from __future__ import annotations

import ctypes
from types import SimpleNamespace
from typing import Any

import ml_dtypes
import numpy as np
import pytest

from nnaccel_kernels.cuda.runtime import cublas, epilogue
from nnaccel_kernels.cuda.runtime.epilogue import BIAS, BIAS_GRADIENT, RELU_BIAS

from .cublas import Matrix, drawn

BYTES = {0: 4, 1: 8}  # of CUDA_R_32F and CUDA_R_64F
DTYPES = [np.float32, np.float64, np.float16, ml_dtypes.bfloat16]
NOBODY = SimpleNamespace(pointer=None, workspace=0, stream=0)  # a handle needs a device


@pytest.fixture(scope="module", autouse=True)
def _real_library() -> None:
    try:
        cublas.lt_library()
    except Exception as error:
        why = str(error).partition("\n")[0]
        pytest.skip(f"needs cuBLASLt: pip install nvidia-cublas-cu12, 0.8 GB ({why})")


def read(kind: str, target: Any, attribute: int, type_: Any = ctypes.c_int32) -> Any:
    """An attribute of one of cuBLASLt's objects."""
    value, written = type_(), ctypes.c_size_t()
    get = getattr(cublas.lt_library(), f"cublasLt{kind}GetAttribute")
    get.argtypes = [ctypes.c_void_p, ctypes.c_int, *[ctypes.c_void_p] * 3]
    get.argtypes[3] = ctypes.c_size_t
    size = ctypes.sizeof(value)
    status = get(target, attribute, ctypes.byref(value), size, ctypes.byref(written))
    assert (status, written.value) == (0, size)
    return value.value


def described(monkeypatch: pytest.MonkeyPatch, *args: Any) -> Any:
    """A product, but for the algorithm that only a device can suggest."""
    monkeypatch.setattr(epilogue._Product, "_find_algorithm", lambda *_: None)
    return epilogue._Product(NOBODY, *args)


def matrices(dtype: Any, layouts: str) -> tuple[Matrix, Matrix, Matrix, Matrix]:
    rng, (a_layout, b_layout) = np.random.default_rng(0), layouts.split()
    a, b = drawn(rng, 3, 4, dtype, a_layout), drawn(rng, 4, 5, dtype, b_layout)
    return a, b, drawn(rng, 3, 5, dtype, "slice"), np.zeros(5, dtype).view(Matrix)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("tf32", [False, True])
@pytest.mark.parametrize("kind", [BIAS, RELU_BIAS, BIAS_GRADIENT])
@pytest.mark.parametrize("layouts", ["plain plain", "transposed slice", "slice transposed"])
def test_a_description_is_what_was_meant(
    monkeypatch: pytest.MonkeyPatch, dtype: Any, tf32: bool, kind: int, layouts: str
) -> None:
    monkeypatch.setattr(cublas, "_settings", {"tf32": tf32})
    a, b, out, bias = matrices(dtype, layouts)
    product = described(monkeypatch, kind, a, b, out, bias)
    of = product._description
    compute, scale, transpose_a, transpose_b, said, type_ = (
        read("MatmulDesc", of, attribute) for attribute in (0, 1, 3, 4, 7, 26)
    )
    assert (compute, said) == (cublas.compute_type(bias.dtype), kind)
    assert type_ == cublas.DATA_TYPES[bias.dtype.name]
    assert (transpose_a, transpose_b) == (cublas.layout(b)[0], cublas.layout(a)[0])
    assert read("MatmulDesc", of, 8, ctypes.c_uint64) == bias.data.ptr
    assert ctypes.sizeof(product._one) == ctypes.sizeof(product._zero) == BYTES[scale]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("layouts", ["plain plain", "transposed slice", "slice transposed"])
def test_matrices_lie_as_they_are_described(
    monkeypatch: pytest.MonkeyPatch, dtype: Any, layouts: str
) -> None:
    """Column-major with a leading dimension, each finds its own items."""
    a, b, out, bias = matrices(dtype, layouts)
    product = described(monkeypatch, BIAS, a, b, out, bias)
    for layout, m in zip(product._layouts, (b, a, out), strict=True):
        type_, order = (read("MatrixLayout", layout, attribute) for attribute in (0, 1))
        rows, columns, lead = (
            read("MatrixLayout", layout, attribute, ctypes.c_uint64) for attribute in (2, 3, 4)
        )
        assert (type_, order) == (cublas.DATA_TYPES[m.dtype.name], 0)  # 0 is column-major
        strides = m.itemsize, lead * m.itemsize
        seen = np.lib.stride_tricks.as_strided(m, (rows, columns), strides)
        np.testing.assert_array_equal(seen.T if cublas.layout(m)[0] == 0 else seen, m)


def test_preferences_are_accepted(monkeypatch: pytest.MonkeyPatch) -> None:
    """All but the last step of asking for an algorithm, which needs a handle."""
    arrays = matrices(np.float16, "plain plain")
    with pytest.raises(NotImplementedError, match="no algorithm for this product"):
        epilogue._Product(NOBODY, BIAS, *arrays)


def test_an_attribute_of_another_size_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    product = described(monkeypatch, BIAS, *matrices(np.float32, "plain plain"))
    with pytest.raises(RuntimeError, match="SetAttribute failed with status 7"):
        product._set(3, ctypes.c_int64(1))
