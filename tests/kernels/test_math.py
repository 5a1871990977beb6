"""Elementary functions of the CPU kernels: how many units in the last place they are off."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numba import njit
from scipy import special

from nnaccel_kernels.cpu.vector import math
from nnaccel_kernels.cpu.vector.simd import VECTOR_BYTES

SMALLEST_NORMAL = float(np.finfo(np.float32).smallest_normal)


def looped(function: Any) -> Any:
    """A compiled loop over a function of `vector.math`."""

    @njit(error_model="numpy")
    def loop(x: Any, y: Any) -> None:
        for i in range(x.size):
            y[i] = function(x[i])

    return loop


exp_of, tanh_of = looped(math.exp), looped(math.tanh)


def apply(function: Any, x: np.ndarray) -> np.ndarray:
    y = np.empty_like(x)
    function(x, y)
    return y


def ulps(got: np.ndarray, want: np.ndarray) -> np.ndarray:
    """Distance in units in the last place of the float32 nearest to `want`."""
    return np.abs(got - want) / np.spacing(np.abs(want).astype(np.float32)).astype(np.float64)


def every(low: float, high: float, count: int = 500_000) -> np.ndarray:
    """Numbers evenly over a range, with many near 0 of either sign."""
    near = np.geomspace(1e-30, max(abs(low), abs(high)), count // 10)
    x = np.concatenate([np.linspace(low, high, count), near, -near, [0.0]])
    return np.clip(x, low, high).astype(np.float32)


def test_exp_is_right_to_two_units_wherever_the_result_is_normal() -> None:
    x = every(-87.33, 88.72)
    assert ulps(apply(exp_of, x), np.exp(x.astype(np.float64))).max() < 2


def test_exp_dies_away_and_overflows_where_it_must() -> None:
    x = every(-200, -87.33)
    got = apply(exp_of, x)
    assert (np.abs(got - np.exp(x.astype(np.float64))) <= SMALLEST_NORMAL).all()
    assert (got >= 0).all()
    edges = np.array([-np.inf, -3e38, -1e4, 88.73, 1e4, 3e38, np.inf, 0.0], np.float32)
    want = [0, 0, 0, np.inf, np.inf, np.inf, np.inf, 1]
    np.testing.assert_array_equal(apply(exp_of, edges), want)
    assert np.isnan(apply(exp_of, np.array([np.nan], np.float32))).all()


def test_exp_never_falls_by_more_than_rounding() -> None:
    y = apply(exp_of, np.sort(every(-110, 90)))
    with np.errstate(invalid="ignore"):  # inf - inf
        falls = y[1:] < y[:-1] * (1 - 3e-7)
    assert not falls.any()


def test_tanh_is_right_to_a_few_units() -> None:
    x = every(-12, 12)
    assert ulps(apply(tanh_of, x), np.tanh(x.astype(np.float64))).max() < 5
    np.testing.assert_array_equal(apply(tanh_of, -x), -apply(tanh_of, x))


def test_tanh_ends() -> None:
    x = np.array([-np.inf, -3e38, -50, 0, 50, 3e38, np.inf], np.float32)
    np.testing.assert_array_equal(apply(tanh_of, x), [-1, -1, -1, 0, 1, 1, 1])
    assert np.isnan(apply(tanh_of, np.array([np.nan], np.float32))).all()


OTHERS = {
    "exp": (math.exp, np.exp, -700, 700),
    "tanh": (math.tanh, np.tanh, -20, 20),
    "expm1": (math.expm1, np.expm1, -80, 0),
    "log1p": (math.log1p, np.log1p, 0, 1),
    "erf": (math.erf, special.erf, -7, 7),
}


@pytest.mark.parametrize("name", OTHERS)
def test_float64_is_right_to_a_few_units(name: str) -> None:
    function, numpys, low, high = OTHERS[name]
    x = np.concatenate([np.linspace(low, high, 50_001), np.geomspace(1e-300, 1, 999)])
    x = np.clip(x, low, high)
    np.testing.assert_allclose(apply(looped(function), x), numpys(x), rtol=1e-15)


@pytest.mark.parametrize("name", ["expm1", "log1p", "erf"])
def test_float32_is_right_to_two_units_and_a_half(name: str) -> None:
    function, numpys, low, high = OTHERS[name]
    x = every(low, high)
    assert ulps(apply(looped(function), x), numpys(x.astype(np.float64))).max() < 2.5


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_erf_ends_is_odd_and_keeps_nan(dtype: Any) -> None:
    erf_of = looped(math.erf)
    ends = np.array([-np.inf, -1e30, -7, 7, 1e30, np.inf, np.nan], dtype)
    np.testing.assert_array_equal(apply(erf_of, ends), [-1, -1, -1, 1, 1, 1, np.nan])
    x = np.linspace(0, 8, 10_001).astype(dtype)
    y = apply(erf_of, x)
    assert (np.abs(y) <= 1).all()
    np.testing.assert_array_equal(apply(erf_of, -x), -y)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_exp_and_tanh_of_nan_and_infinities(dtype: Any) -> None:
    x = np.array([np.nan, np.inf, -np.inf, 0], dtype)
    np.testing.assert_array_equal(apply(exp_of, x), [np.nan, np.inf, 0, 1])
    np.testing.assert_array_equal(apply(tanh_of, x), [np.nan, 1, -1, 0])


def test_loops_are_vectorised() -> None:
    """Each loop over a function in float32 has vector code, and calls no library."""
    for name, (function, *_) in OTHERS.items():
        loop = looped(function)
        loop(np.zeros(4, np.float32), np.zeros(4, np.float32))
        (text,) = loop.inspect_llvm().values()
        assert f"<{VECTOR_BYTES // 4} x float>" in text, name
