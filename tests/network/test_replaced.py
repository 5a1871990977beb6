"""Arrays put in the place of a layer's parameters are trained, or refused in words."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import nnaccel as nn
from nnaccel.backends import to_numpy

X = np.random.default_rng(0).standard_normal((40, 5)).astype(np.float32)
Y = np.arange(40) % 3


def built() -> nn.Sequential:
    model = nn.Sequential([nn.Dense(4, "relu"), nn.Dense(3, "softmax")], seed=0)
    model.build((5,))
    model.compile(optimizer=nn.optim.SGD(0.1))
    return model


def test_a_replaced_parameter_is_trained(backend: Any) -> None:
    model, same = built(), built()
    new = np.full((5, 4), 0.3)
    model.layers[0].params["w"] = new
    same.layers[0].params["w"][...] = backend.asarray(new, np.float32)
    np.testing.assert_array_equal(to_numpy(model.weights), to_numpy(same.weights))
    model.layers[0].params = {"w": backend.asarray(new * 2), "b": np.zeros(4)}
    same.layers[0].params["w"][...] = backend.asarray(new * 2, np.float32)
    for each in (model, same):
        each.fit(X, Y, epochs=2, shuffle=False, verbose=0)
    for got, want in zip(model.get_weights(), same.get_weights(), strict=True):
        np.testing.assert_array_equal(got, want)
    assert not np.allclose(to_numpy(model.layers[0].params["w"]), new * 2)


@pytest.mark.parametrize(
    ("name", "array", "words"),
    [("w", np.zeros((3, 3)), r"set to an array of shape \(3, 3\)"), ("weight", np.zeros(3), "'w'")],
)
def test_what_does_not_fit_is_refused(name: str, array: np.ndarray, words: str) -> None:
    model = built()
    model.layers[0].params[name] = array
    with pytest.raises(ValueError, match=f"layer 'dense': .*{words}.*To fix: write into"):
        model.fit(X, Y, verbose=0)
