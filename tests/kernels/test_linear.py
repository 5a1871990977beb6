"""The dense layer's kernels against explicit sums."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from nnaccel.backends import to_numpy

dtypes = pytest.mark.parametrize("dtype", [np.float32, np.float64])
sizes = st.tuples(st.integers(0, 20), st.integers(1, 40), st.integers(1, 40))


def draw(dtype: Any, *shapes: tuple[int, ...], seed: int) -> list[np.ndarray]:
    rng = np.random.default_rng(seed)
    return [rng.standard_normal(shape).astype(dtype) for shape in shapes]


def product(a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """a @ b by its definition in float64, and the same of absolute values, which bounds errors."""
    a, b = a.astype(np.float64), b.astype(np.float64)
    c, size = np.zeros((len(a), b.shape[1])), np.zeros((len(a), b.shape[1]))
    for k in range(a.shape[1]):
        for i in range(len(a)):
            c[i] += a[i, k] * b[k]
            size[i] += abs(a[i, k]) * np.abs(b[k])
    return c, size


def assert_within(got: Any, want: np.ndarray, size: np.ndarray, terms: int, dtype: Any) -> None:
    bound = (terms + 3) * float(np.finfo(dtype).eps) * size
    assert (np.abs(to_numpy(got) - want) <= bound).all()


@dtypes
@pytest.mark.parametrize("bias", [True, False])
@settings(max_examples=10)
@given(size=sizes, seed=st.integers(0, 2**32 - 1))
@example(size=(1, 1, 1), seed=0)
@example(size=(3, 33, 1), seed=0)
def test_linear(
    backend: Any, dtype: Any, bias: bool, size: tuple[int, int, int], seed: int
) -> None:
    n, k, m = size
    x, w, b = draw(dtype, (n, k), (k, m), (m,), seed=seed)
    want, bound = product(x, w)
    y = backend.empty((n, m), dtype)
    place = backend.asarray(b) if bias else None
    backend.kernels.linear(backend.asarray(x), backend.asarray(w), place, "linear", 0.0, y)
    if bias:
        want, bound = want + b, bound + np.abs(b)
    assert_within(y, want, bound, k, dtype)


@dtypes
@pytest.mark.parametrize("name", ["relu", "sigmoid", "tanh", "leaky_relu", "elu", "softplus"])
@pytest.mark.parametrize("shape", [(3, 5, 7), (40, 17, 33)])
def test_fused_activation_is_the_activation_of_the_sum(
    backend: Any, dtype: Any, name: str, shape: tuple[int, int, int]
) -> None:
    n, k, m = shape
    x, w, b = map(backend.asarray, draw(dtype, (n, k), (k, m), (m,), seed=3))
    z, y, fused = (backend.empty((n, m), dtype) for _ in range(3))
    backend.kernels.linear(x, w, b, "linear", 0.0, z)
    backend.kernels.activate(name, 0.2, z, y)
    backend.kernels.linear(x, w, b, name, 0.2, fused)
    tolerance = 4 * float(np.finfo(dtype).eps)
    np.testing.assert_allclose(to_numpy(fused), to_numpy(y), rtol=tolerance, atol=tolerance)


@dtypes
@settings(max_examples=10)
@given(size=sizes, seed=st.integers(0, 2**32 - 1))
@example(size=(1, 1, 1), seed=0)
@example(size=(19, 1, 3), seed=0)
def test_linear_backward(backend: Any, dtype: Any, size: tuple[int, int, int], seed: int) -> None:
    n, k, m = size
    dy, x, w = draw(dtype, (n, m), (n, k), (k, m), seed=seed)
    dx, dw, db = (backend.empty(shape, dtype) for shape in ((n, k), (k, m), (m,)))
    backend.kernels.linear_backward(*map(backend.asarray, (dy, x, w)), dx, dw, db)
    assert_within(dx, *product(dy, w.T), m, dtype)
    assert_within(dw, *product(x.T, dy), n, dtype)
    assert_within(db, dy.sum(axis=0, dtype=np.float64), np.abs(dy).sum(axis=0), n, dtype)


def test_linear_backward_leaves_out_what_is_not_wanted(backend: Any) -> None:
    dy, x, w = map(backend.asarray, draw(np.float32, (4, 3), (4, 5), (5, 3), seed=0))
    dw = backend.empty((5, 3), np.float32)
    backend.kernels.linear_backward(dy, x, w, None, dw, None)
    assert_within(dw, *product(to_numpy(x).T, to_numpy(dy)), 4, np.float32)


def test_nan_reaches_what_depends_on_it_and_nothing_else(backend: Any) -> None:
    x, w = draw(np.float32, (6, 20), (20, 9), seed=1)
    x[2, 7] = np.nan
    w[4, 5] = np.inf
    y = backend.empty((6, 9), np.float32)
    backend.kernels.linear(backend.asarray(x), backend.asarray(w), None, "linear", 0.0, y)
    finite = np.isfinite(to_numpy(y))
    expected = np.ones((6, 9), bool)
    expected[2], expected[:, 5] = False, False
    np.testing.assert_array_equal(finite, expected)
    assert np.isnan(to_numpy(y)[2]).all()
