"""Dropout: one mask everywhere, with the right rate, and its own adjoint."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nnaccel.backends import to_numpy

WORD = 2**64 - 1
dtypes = pytest.mark.parametrize("dtype", [np.float32, np.float64])


def drop(
    backend: Any, x: np.ndarray, rate: float, key: int, step: int, first: int = 0
) -> np.ndarray:
    x = backend.asarray(x)
    y = backend.empty(x.shape, x.dtype)
    backend.kernels.dropout(x, rate, np.array([key], np.uint64), np.array([step]), first, y)
    return to_numpy(y)


def mix(z: int) -> int:
    """SplitMix64's finaliser, on Python's integers."""
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9 & WORD
    z = (z ^ (z >> 27)) * 0x94D049BB133111EB & WORD
    return z ^ (z >> 31)


def kept(count: int, rate: float, key: int, step: int) -> list[bool]:
    base = mix(key + step * 0x9E3779B97F4A7C15 & WORD)
    return [bits(i, base) >= int(rate * 2**24) for i in range(count)]


def bits(position: int, base: int) -> int:
    """The 24 random bits of a position, on Python's integers."""
    half = 2**32 - 1
    z = position + base & half
    z = (z ^ z >> 17) * 0xED5AD4BB & half ^ base >> 32
    z = (z ^ z >> 11) * 0xAC4C1B51 & half
    z = (z ^ z >> 15) * 0x31848BAB & half
    return (z ^ z >> 14) >> 8


@dtypes
@given(
    shape=st.lists(st.integers(0, 7), min_size=1, max_size=3).map(tuple),
    rate=st.floats(0, 0.99),
    key=st.integers(0, WORD),
    step=st.integers(0, 2**62),
)
def test_the_mask_is_the_same_on_every_backend(
    backend: Any, dtype: Any, shape: tuple[int, ...], rate: float, key: int, step: int
) -> None:
    x = np.arange(1, math.prod(shape) + 1, dtype=dtype).reshape(shape)
    mask = np.array(kept(x.size, rate, key, step), bool).reshape(shape)
    np.testing.assert_array_equal(
        drop(backend, x, rate, key, step), np.where(mask, x * dtype(1 / (1 - rate)), 0)
    )


@given(rows=st.integers(1, 9), first=st.integers(0, 9))
def test_a_part_has_its_part_of_the_mask(backend: Any, rows: int, first: int) -> None:
    x, first = np.ones((9, 5), np.float32), min(first, rows)
    whole = drop(backend, x, 0.5, key=3, step=8)
    part = drop(backend, x[first:rows], 0.5, key=3, step=8, first=first * 5)
    np.testing.assert_array_equal(part, whole[first:rows])


@pytest.mark.parametrize("rate", [0.0, 0.1, 0.5, 0.9])
def test_rate_and_mean(backend: Any, rate: float) -> None:
    n = 100_000
    y = drop(backend, np.ones(n), rate, key=7, step=0)
    five_sigma = 5 * math.sqrt(rate * (1 - rate) / n)
    assert abs((y == 0).mean() - rate) <= five_sigma
    assert abs(y.mean() - 1) <= five_sigma / (1 - rate)


def test_steps_keys_and_neighbours_are_unrelated(backend: Any) -> None:
    n = 100_000
    masks = [
        drop(backend, np.ones(n, np.float32), 0.5, key, step) > 0
        for key, step in ((1, 0), (1, 1), (1, 2), (2, 0), (3, 0))
    ]
    masks.append(np.roll(masks[0], 1))
    masks.append(np.roll(masks[0], 28))
    for i, first in enumerate(masks):
        for second in masks[:i]:
            assert abs((first == second).mean() - 0.5) < 5 * 0.5 / math.sqrt(n)


@dtypes
def test_it_is_its_own_adjoint(backend: Any, dtype: Any) -> None:
    x, u = np.random.default_rng(0).standard_normal((2, 30, 40)).astype(dtype)
    forward = drop(backend, x, 0.3, 5, 9).astype(np.float64)
    backward = drop(backend, u, 0.3, 5, 9).astype(np.float64)
    assert (forward * u).sum() == pytest.approx((x * backward).sum(), rel=1e-5)


def test_dropped_nan_is_gone(backend: Any) -> None:
    y = drop(backend, np.full(1000, np.nan), 0.5, 1, 0)
    assert 0 < np.isnan(y).sum() < 1000
