"""Activations and softmaxes against their textbook formulas, one number at a time."""

from __future__ import annotations

import math
import re
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from numba import njit
from scipy import special

from nnaccel.backends import to_numpy
from nnaccel_kernels.activations import ACTIVATIONS, FROM_OUTPUT, SELU_ALPHA, SELU_SCALE
from nnaccel_kernels.cpu.activation import apply_activation

ALPHA = 0.3
dtypes = pytest.mark.parametrize("dtype", [np.float32, np.float64])
names = pytest.mark.parametrize("name", ACTIVATIONS)


def _inside_gelu(x: float) -> float:
    return math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)


FORMULAS = {
    "linear": lambda x: x,
    "relu": lambda x: max(x, 0.0),
    "sigmoid": lambda x: 1 / (1 + math.exp(-x)) if x > -700 else 0.0,
    "tanh": math.tanh,
    "leaky_relu": lambda x: x if x > 0 else ALPHA * x,
    "elu": lambda x: x if x > 0 else ALPHA * math.expm1(x),
    "softplus": lambda x: math.log1p(math.exp(x)) if x < 30 else x,
    "gelu": lambda x: x * float(special.ndtr(x)),
    "swish": lambda x: x * FORMULAS["sigmoid"](x),
    "mish": lambda x: x * math.tanh(FORMULAS["softplus"](x)),
    "selu": lambda x: SELU_SCALE * (x if x > 0 else SELU_ALPHA * math.expm1(x)),
    "hard_swish": lambda x: x * min(max(x + 3, 0), 6) / 6,
    "gelu_tanh": lambda x: 0.5 * x * (1 + math.tanh(_inside_gelu(x))),
}
DERIVATIVES = {
    "linear": lambda x: 1.0,
    "relu": lambda x: float(x > 0),
    "sigmoid": lambda x: FORMULAS["sigmoid"](x) * FORMULAS["sigmoid"](-x),
    "tanh": lambda x: 1 - math.tanh(x) ** 2,
    "leaky_relu": lambda x: 1.0 if x > 0 else ALPHA,
    "elu": lambda x: 1.0 if x > 0 else ALPHA * math.exp(x),
    "softplus": lambda x: FORMULAS["sigmoid"](x),
    "gelu": lambda x: float(special.ndtr(x)) + x * math.exp(-x * x / 2) / math.sqrt(2 * math.pi),
    "swish": lambda x: FORMULAS["sigmoid"](x) * (1 + x * FORMULAS["sigmoid"](-x)),
    "mish": lambda x: (
        math.tanh(FORMULAS["softplus"](x))
        + x * FORMULAS["sigmoid"](x) / math.cosh(FORMULAS["softplus"](x)) ** 2
    ),
    "selu": lambda x: SELU_SCALE * (1 if x > 0 else SELU_ALPHA * math.exp(x)),
    "hard_swish": lambda x: 0 if x <= -3 else 1 if x >= 3 else (2 * x + 3) / 6,
    "gelu_tanh": lambda x: (
        0.5 * (1 + math.tanh(_inside_gelu(x)))
        + 0.5
        * x
        * (1 - math.tanh(_inside_gelu(x)) ** 2)
        * math.sqrt(2 / math.pi)
        * (1 + 0.134145 * x * x)
    ),
}


def forward(backend: Any, name: str, x: np.ndarray) -> np.ndarray:
    x = backend.asarray(x)
    y = backend.empty(x.shape, x.dtype)
    backend.kernels.activate(name, ALPHA, x, y)
    return to_numpy(y)


def backward(backend: Any, name: str, dy: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """With nonsense for whichever of x and y must not be looked at."""
    unused = np.full_like(x, np.nan)
    x, y = (unused, y) if name in FROM_OUTPUT else (x, unused)
    dx = backend.empty(dy.shape, dy.dtype)
    backend.kernels.activate_backward(name, ALPHA, *map(backend.asarray, (dy, x, y)), dx)
    return to_numpy(dx)


def test_tables_are_complete() -> None:
    assert set(FORMULAS) == set(DERIVATIVES) == set(ACTIVATIONS)
    assert set(ACTIVATIONS) >= FROM_OUTPUT


@names
@dtypes
@settings(max_examples=10)
@given(x=st.lists(st.floats(-20, 20, width=32), max_size=40))
@example([7.0])
def test_values_and_derivatives(backend: Any, name: str, dtype: Any, x: list[float]) -> None:
    eps = float(np.finfo(dtype).eps)
    inputs = np.array(x, dtype)
    y = forward(backend, name, inputs)
    # erf(x) and expm1(x) near -1 are right to one unit of 1, whatever is multiplied by them.
    want = np.array([FORMULAS[name](v) for v in x], dtype)
    np.testing.assert_allclose(y, want, rtol=8 * eps, atol=20 * eps)
    dy = np.linspace(-2, 3, len(x)).astype(dtype)
    slopes = np.array([DERIVATIVES[name](v) for v in x], np.float64)
    got = backward(backend, name, dy, inputs, want)
    # Near 7, gelu_tanh multiplies by 22 what is left of 1 - tanh(…)**2, a rounding error of 1.
    np.testing.assert_allclose(got, dy * slopes, rtol=8 * eps, atol=150 * eps)


@names
@dtypes
def test_far_out_values_stay_finite_and_nan_and_inf_pass_through(
    backend: Any, name: str, dtype: Any
) -> None:
    x = np.array([-1e4, -100, -0.0, 0, 100, 1e4], dtype)
    want = np.array([FORMULAS[name](float(v)) if abs(v) < 700 else 0 for v in x], dtype)
    want[-1] = {"sigmoid": 1, "tanh": 1, "selu": 1e4 * SELU_SCALE}.get(name, 1e4)
    lowest = {"linear": -1e4, "tanh": -1, "leaky_relu": -3e3, "elu": -ALPHA}
    want[0] = (lowest | {"selu": -SELU_SCALE * SELU_ALPHA}).get(name, 0)
    np.testing.assert_allclose(forward(backend, name, x), want, rtol=1e-6, atol=1e-37)
    slopes = backward(backend, name, np.ones_like(x), x, want)
    assert np.isfinite(slopes).all()
    with np.errstate(invalid="ignore"):  # gelu(-inf) is -inf * 0
        special_values = forward(backend, name, np.array([np.nan, np.inf, -np.inf], dtype))
    assert np.isnan(special_values[0])
    assert special_values[1] == (1 if name in ("sigmoid", "tanh") else np.inf)


@names
@dtypes
def test_slopes_do_not_change_where_squares_overflow_in_float32(
    backend: Any, name: str, dtype: Any
) -> None:
    far = np.array([-1e21, 1e21], dtype)
    with np.errstate(over="ignore", invalid="ignore"):  # as everywhere in a training
        ends = [forward(backend, name, x) for x in (far, np.sign(far) * 1e4)]
        slopes = backward(backend, name, np.ones_like(far), far, ends[0])
    near = backward(backend, name, np.ones_like(far), np.sign(far) * dtype(1e4), ends[1])
    np.testing.assert_allclose(slopes, near, rtol=1e-6, atol=1e-30)


@pytest.mark.parametrize("name", ["relu", "sigmoid", "tanh", "elu", "mish"])
def test_in_place(backend: Any, name: str) -> None:
    x = backend.asarray(np.linspace(-3, 3, 50).astype(np.float32))
    want = forward(backend, name, to_numpy(x))
    backend.kernels.activate(name, ALPHA, x, x)
    np.testing.assert_array_equal(to_numpy(x), want)


@dtypes
def test_compiled_loops_call_no_library_and_store_without_masks(dtype: Any) -> None:
    """Masked stores are microcode on some processors: slower than all the rest."""
    loop = njit(apply_activation, error_model="numpy")
    loop(0, ALPHA, np.zeros(2, dtype))
    (code,) = loop.inspect_asm().values()
    assert not re.search(r"\bvmaskmov|\b(exp|expm1|log1p|tanh|erf)f?\b", code)


def rows(backend: Any, function: str, *arrays: np.ndarray) -> np.ndarray:
    out = backend.empty(arrays[0].shape, arrays[0].dtype)
    getattr(backend.kernels, function)(*map(backend.asarray, arrays), out)
    return to_numpy(out)


@dtypes
@settings(max_examples=10)
@given(
    shape=st.tuples(st.integers(0, 9), st.integers(1, 20)),
    spread=st.sampled_from([0.1, 1, 30, 1e4]),
    seed=st.integers(0, 2**32 - 1),
)
def test_softmax_and_its_logarithm(
    backend: Any, dtype: Any, shape: tuple[int, int], spread: float, seed: int
) -> None:
    eps = float(np.finfo(dtype).eps)
    x = (spread * np.random.default_rng(seed).standard_normal(shape)).astype(dtype)
    exact = x.astype(np.float64)
    y, log_y = rows(backend, "softmax", x), rows(backend, "log_softmax", x)
    np.testing.assert_allclose(y, special.softmax(exact, axis=1), rtol=40 * eps, atol=1e-37)
    np.testing.assert_allclose(
        log_y, special.log_softmax(exact, axis=1), rtol=8 * eps, atol=20 * eps
    )
    np.testing.assert_allclose(y.sum(axis=1), 1, rtol=20 * eps)


@dtypes
def test_log_softmax_of_large_logits_keeps_its_digits(backend: Any, dtype: Any) -> None:
    x = np.array([[1e4, 1e4], [-1e4, -1e4], [1e4, -1e4], [-1e4, 1e4 - 1]], dtype)
    want = special.log_softmax(x.astype(np.float64), axis=1)
    got = rows(backend, "log_softmax", x)
    np.testing.assert_allclose(got, want, rtol=4 * float(np.finfo(dtype).eps), atol=1e-30)


@dtypes
@pytest.mark.parametrize("function", ["softmax", "log_softmax"])
def test_nan_fills_its_own_row_only(backend: Any, dtype: Any, function: str) -> None:
    bad = [[np.nan, 0, 1], [0, np.nan, 1], [0, 1, np.nan], [0, np.inf, 1], [-np.inf] * 3]
    with np.errstate(invalid="ignore"):  # inf - inf
        got = rows(backend, function, np.array([*bad, [1, -np.inf, 1]], dtype))
    assert np.isnan(got[:5]).all() if function == "softmax" else np.isnan(got[:3]).all()
    half = 0.5 if function == "softmax" else -math.log(2)
    np.testing.assert_allclose(got[5], [half, 0 if function == "softmax" else -np.inf, half])


@dtypes
@pytest.mark.parametrize("function", ["softmax", "log_softmax"])
@settings(max_examples=10)
@given(shape=st.tuples(st.integers(0, 6), st.integers(1, 12)), seed=st.integers(0, 2**32 - 1))
def test_backwards_are_the_transposed_jacobian(
    backend: Any, dtype: Any, function: str, shape: tuple[int, int], seed: int
) -> None:
    rng = np.random.default_rng(seed)
    x, dy = rng.standard_normal((2, *shape))
    p = special.softmax(x, axis=1)
    want = np.empty(shape)
    for i, row in enumerate(p):
        if function == "softmax":
            jacobian = np.diag(row) - np.outer(row, row)
        else:
            jacobian = np.eye(len(row)) - np.outer(np.ones(len(row)), row)
        want[i] = jacobian.T @ dy[i]
    y = p if function == "softmax" else np.log(p)
    got = rows(backend, f"{function}_backward", dy.astype(dtype), y.astype(dtype))
    tolerance = 60 * float(np.finfo(dtype).eps)
    np.testing.assert_allclose(got, want, rtol=tolerance, atol=tolerance)
