"""Layer normalisation against its definition and finite differences."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nnaccel import ops
from nnaccel.backends import to_numpy

from .checked import Checked, normal


def test_rows_have_mean_0_and_deviation_1(backend: Any) -> None:
    x = backend.asarray(normal(5, 40) * 3 + 100)
    one, zero = (backend.asarray(np.full(40, value)) for value in (1.0, 0.0))
    y = to_numpy(ops.layer_norm(x, one, zero, epsilon=1e-12)[0])
    np.testing.assert_allclose(y.mean(axis=1), 0, atol=1e-10)
    np.testing.assert_allclose(y.std(axis=1), 1, rtol=1e-9)


@settings(max_examples=10)
@given(rows=st.integers(1, 7), features=st.integers(1, 40))
def test_gradients(backend: Any, rows: int, features: int) -> None:
    def backward(dy: Any, x: Any, gamma: Any, beta: Any) -> Any:
        _, *statistics = ops.layer_norm(x, gamma, beta)
        return ops.layer_norm_backward(dy, x, gamma, *statistics)

    args = normal(rows, features), normal(features), normal(features)
    Checked(lambda *a: ops.layer_norm(*a)[0], backward).run(*args)


def test_bad_arguments() -> None:
    x, g = np.ones((2, 3)), np.ones(3)
    with pytest.raises(ValueError, match="expected 2 axes"):
        ops.layer_norm(x[0], g, g)
    with pytest.raises(ValueError, match=r"gamma has shape \(2,\); expected \(3,\)"):
        ops.layer_norm(x, g[:2], g)
    with pytest.raises(ValueError, match="no feature"):
        ops.layer_norm(x[:, :0], g[:0], g[:0])
    with pytest.raises(ValueError, match="epsilon=0 must be above 0"):
        ops.layer_norm(x, g, g, epsilon=0)
