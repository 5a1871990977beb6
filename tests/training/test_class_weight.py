"""Weights of classes: those of their rows, in arrays and in streams."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import nnaccel as nn
from nnaccel.layers import Dense
from nnaccel.model.sequential import Sequential

rng = np.random.default_rng(0)
X = rng.normal(size=(20, 3)).astype("float32")
Y = np.repeat([0, 1, 2], [14, 4, 2])
CHOSEN = {0: 0.5, 2: 4.0}


def trained(*data: Any, units: int = 3, loss: str = "categorical_crossentropy", **more: Any) -> Any:
    last = "softmax" if loss.startswith("categorical") else "sigmoid"
    model = Sequential([Dense(4, "tanh"), Dense(units, last)], seed=0, dtype="float64")
    model.compile(loss, "adam")
    model.fit(*data, epochs=2, verbose=0, **{"batch_size": 20, "shuffle": False, **more})
    return nn.to_numpy(model.weights)


@pytest.mark.parametrize("y", [Y, Y.astype(float), np.eye(3)[Y]], ids=["labels", "floats", "rows"])
def test_weights_of_classes_are_those_of_rows(y: Any, backend: Any) -> None:
    factors, given = np.array([0.5, 1.0, 4.0]), rng.random(20)
    wanted = trained(X, Y, sample_weight=factors[Y] * given)
    found = trained(X, y, class_weight=CHOSEN, sample_weight=given)
    np.testing.assert_allclose(found, wanted, rtol=1e-12)


def test_balanced_gives_all_classes_the_same_sum() -> None:
    wanted = trained(X, Y, sample_weight=20 / (3 * np.bincount(Y))[Y])
    np.testing.assert_allclose(trained(X, Y, class_weight="balanced"), wanted, rtol=1e-12)


def test_a_single_output_has_two_classes() -> None:
    y = (Y > 0).astype(int)
    wanted = trained(X, y, units=1, loss="binary_crossentropy", sample_weight=1 + 4 * y)
    found = trained(X, y, units=1, loss="binary_crossentropy", class_weight={1: 5.0})
    np.testing.assert_allclose(found, wanted, rtol=1e-12)


def test_batches_of_a_stream_are_weighed() -> None:
    found = trained([(X, Y)], class_weight=CHOSEN)
    np.testing.assert_array_equal(found, trained(X, Y, class_weight=CHOSEN))


def test_validation_is_not_weighed() -> None:
    model = Sequential([Dense(3, "softmax")], seed=0)
    model.compile(optimizer="sgd")
    history = model.fit(X, Y, validation_data=(X, Y), class_weight=CHOSEN, verbose=0).history
    assert history["val_loss"][-1] == pytest.approx(model.evaluate(X, Y))


@pytest.mark.parametrize(
    ("data", "settings", "words"),
    [
        ((X, Y), {"class_weight": {3: 1.0}}, r"names 3, but the classes are \[0, 1, 2\]"),
        ((X, Y), {"class_weight": {0: -1.0}}, "finite weights of at least 0"),
        ((X, Y), {"class_weight": dict.fromkeys(range(3), 0.0)}, "one of them above 0"),
        ((X, Y), {"class_weight": {0: 1e200}, "sample_weight": [1e200] * 20}, "infinite"),
        ((X, Y), {"class_weight": "even"}, "must be None, 'balanced', or a dict"),
        (([(X, Y)],), {"class_weight": "balanced"}, "give the weights, as in"),
        ((X, X), {"class_weight": {0: 2.0}, "loss": "mse"}, "needs one class a row"),
    ],
)
def test_what_does_not_fit_is_refused(data: Any, settings: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        trained(*data, **settings)
