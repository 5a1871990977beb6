"""Weight penalties and clipping, by their definitions."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nnaccel.backends import to_numpy

dtypes = pytest.mark.parametrize("dtype", [np.float32, np.float64])
numbers = st.lists(st.floats(-5, 5, width=32), max_size=50)


@dtypes
@given(w=numbers, l1=st.floats(0, 1), l2=st.floats(0, 1))
def test_penalty_and_its_gradient(
    backend: Any, dtype: Any, w: list[float], l1: float, l2: float
) -> None:
    weights, total = backend.asarray(np.array(w, dtype)), backend.asarray(np.array([2.0]))
    backend.kernels.penalty(weights, l1, l2, total)
    want = 2 + sum(l1 * abs(v) + l2 * v * v for v in w)
    assert float(to_numpy(total)[0]) == pytest.approx(want, rel=1e-12)
    dw = backend.asarray(np.ones(len(w), dtype))
    backend.kernels.add_penalty(weights, l1, l2, dw)
    slopes = [1 + l1 * (math.copysign(1, v) if v else 0) + 2 * l2 * v for v in w]
    tolerance = 8 * float(np.finfo(dtype).eps)
    np.testing.assert_allclose(to_numpy(dw), slopes, rtol=tolerance, atol=tolerance * 10)


@dtypes
@given(g=numbers, limit=st.floats(0.125, 4))
def test_clip_value(backend: Any, dtype: Any, g: list[float], limit: float) -> None:
    gradient = backend.asarray(np.array(g, dtype))
    backend.kernels.clip_value(gradient, limit)
    want = np.array([max(-limit, min(limit, v)) for v in g], dtype)
    np.testing.assert_array_equal(to_numpy(gradient), want)


@dtypes
@given(g=numbers, limit=st.floats(0.125, 20))
def test_clip_norm(backend: Any, dtype: Any, g: list[float], limit: float) -> None:
    gradient = backend.asarray(np.array(g, dtype))
    backend.kernels.clip_norm(gradient, limit)
    norm = math.sqrt(sum(v * v for v in g))
    if norm <= limit * (1 - 1e-12):
        np.testing.assert_array_equal(to_numpy(gradient), np.array(g, dtype))
    else:
        want = np.array(g, np.float64) * (limit / norm)
        tolerance = 4 * float(np.finfo(dtype).eps)
        np.testing.assert_allclose(to_numpy(gradient), want, rtol=tolerance, atol=1e-37)


@dtypes
def test_clip_norm_of_a_long_gradient(backend: Any, dtype: Any) -> None:
    g = np.random.default_rng(0).standard_normal(10_001).astype(dtype)
    gradient = backend.asarray(g)
    backend.kernels.clip_norm(gradient, 3.0)
    assert np.linalg.norm(to_numpy(gradient).astype(np.float64)) == pytest.approx(3, rel=1e-6)


def test_clip_norm_of_huge_float32_gradients_does_not_overflow(backend: Any) -> None:
    gradient = backend.asarray(np.array([3e30, 4e30], np.float32))
    backend.kernels.clip_norm(gradient, 5.0)
    np.testing.assert_allclose(to_numpy(gradient), [3, 4], rtol=1e-6)


@dtypes
def test_nan_is_not_hidden_by_clipping(backend: Any, dtype: Any) -> None:
    for clip in (backend.kernels.clip_value, backend.kernels.clip_norm):
        gradient = backend.asarray(np.array([1, np.nan, 100], dtype))
        clip(gradient, 0.5)
        assert np.isnan(to_numpy(gradient)[1])
