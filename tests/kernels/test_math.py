"""The float32 exp and tanh of the CPU kernels: how many units in the last place they are off."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numba import njit

from nnaccel_kernels.cpu.vector import math

SMALLEST_NORMAL = float(np.finfo(np.float32).smallest_normal)


@njit
def exp_of(x: Any, y: Any) -> None:
    for i in range(x.size):
        y[i] = math.exp(x[i])


@njit
def tanh_of(x: Any, y: Any) -> None:
    for i in range(x.size):
        y[i] = math.tanh(x[i])


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


@pytest.mark.parametrize(("ours", "numpys"), [(exp_of, np.exp), (tanh_of, np.tanh)])
def test_float64_is_the_librarys(ours: Any, numpys: Any) -> None:
    x = np.linspace(-700, 700, 10_001)
    np.testing.assert_allclose(apply(ours, x), numpys(x), rtol=4e-16)
