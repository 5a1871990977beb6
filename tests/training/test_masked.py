"""Masked values are refused wherever arrays come in: NumPy computes with what is below a mask."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import nnaccel as nn
from nnaccel.estimators import LinearRegression, LogisticRegression

X = np.ma.masked_greater(np.arange(12.0).reshape(6, 2), 10)
Y = np.ma.masked_equal(np.array([0, 1, 0, 1, 0, 1]), 0)
PLAIN = np.arange(12.0, dtype="float32").reshape(6, 2)


def network() -> nn.Sequential:
    model = nn.Sequential([nn.Dense(2, "softmax")], seed=0)
    model.compile()
    return model


CALLS: dict[str, Any] = {
    "fit": lambda: network().fit(X, [0, 1] * 3, verbose=0),
    "targets": lambda: network().fit(PLAIN, Y, verbose=0),
    "weights": lambda: network().fit(PLAIN, [0, 1] * 3, sample_weight=Y * 1.0, verbose=0),
    "predict": lambda: network().predict(X),
    "op": lambda: nn.ops.relu(X),
    "least squares": lambda: LinearRegression().fit(X, np.arange(6.0)),
    "its targets": lambda: LinearRegression().fit(PLAIN, Y),
    "logistic": lambda: LogisticRegression().fit(X, [0, 1] * 3),
}


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_masked_values_are_refused(call: Any) -> None:
    with pytest.raises(ValueError, match=r"masked values. To fix: .* \.filled\(value\)"):
        call()


def test_masked_arrays_without_a_mask_are_arrays() -> None:
    x = np.ma.array(PLAIN)
    network().fit(x, [0, 1] * 3, verbose=0)
    np.testing.assert_array_equal(nn.ops.relu(x), PLAIN)
