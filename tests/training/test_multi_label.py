"""Accuracy of several labels a row, and of one class a row."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest

import nnaccel as nn

RNG = np.random.default_rng(0)
X = RNG.normal(size=(200, 6)).astype("float32")
LABELS = (X[:, :4] > 0).astype("float32")  # four independent labels a row
CLASSES = X[:, :4].argmax(axis=1)


def model(activation: str, loss: str, units: int = 4) -> nn.Sequential:
    made = nn.Sequential([nn.Dense(units, activation)], seed=0)
    made.compile(loss, nn.optim.Adam(0.05), metrics=["accuracy"])
    return made


def per_label(made: nn.Sequential, y: Any) -> float:
    return float(((made.predict(X) > 0.5) == (y > 0.5)).mean())


def per_class(made: nn.Sequential) -> float:
    return float((made.predict(X).argmax(axis=1) == CLASSES).mean())


@pytest.mark.parametrize("loss", ["binary_crossentropy", "mse"])
@pytest.mark.parametrize("is_stream", [False, True])
def test_several_labels_are_counted_one_by_one(backend: Any, loss: str, is_stream: bool) -> None:
    made = model("sigmoid", loss)
    pair = (X, LABELS)
    data = ([pair],) if is_stream else pair
    history = made.fit(*data, epochs=30, validation_data=pair, verbose=0).history
    expected = per_label(made, LABELS)
    assert expected > 0.9
    assert history["val_accuracy"][-1] == pytest.approx(expected)
    assert history["accuracy"][-1] == pytest.approx(expected, abs=0.1)
    assert made.evaluate(X, LABELS)[1] == pytest.approx(expected)


@pytest.mark.parametrize("loss", ["mse", "binary_crossentropy"])
def test_classes_of_sigmoids_are_compared_by_the_largest(backend: Any, loss: str) -> None:
    made = model("sigmoid", loss)
    made.fit(X, CLASSES, epochs=5, verbose=0)
    assert made.evaluate(X, CLASSES)[1] == pytest.approx(per_class(made))


def test_one_hot_rows_with_mse_are_classes(backend: Any) -> None:
    made, rows = model("sigmoid", "mse"), np.eye(4, dtype="float32")[CLASSES]
    made.fit(X, rows, epochs=5, verbose=0)
    assert made.evaluate(X, rows)[1] == pytest.approx(per_class(made))


def test_one_hot_rows_with_binary_crossentropy_are_labels(backend: Any) -> None:
    made, rows = model("sigmoid", "binary_crossentropy"), np.eye(4, dtype="float32")[CLASSES]
    with pytest.warns(UserWarning, match="counted label by label.*give whole-number labels"):
        made.fit(X, rows, epochs=5, verbose=0)
    with pytest.warns(UserWarning, match="counted label by label"):
        assert made.evaluate(X, rows)[1] == pytest.approx(per_label(made, rows))


def test_several_labels_of_a_softmax_are_warned_of() -> None:
    made = model("softmax", "categorical_crossentropy")
    with pytest.warns(UserWarning, match="no or several labels: use metrics=.'binary_accuracy'"):
        made.fit(X, LABELS, verbose=0)


def test_soft_targets_of_a_softmax_are_not() -> None:
    smooth = 0.9 * np.eye(4, dtype="float32")[CLASSES] + np.float32(0.025)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model("softmax", "categorical_crossentropy").fit(X, smooth, verbose=0)


def test_the_name_stays_accuracy_and_a_subclass_stays_itself() -> None:
    class Own(nn.metrics.Accuracy):
        name = "own"

    made = nn.Sequential([nn.Dense(4, "sigmoid")], seed=0)
    made.compile("binary_crossentropy", metrics=["accuracy", Own()])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        logs = made.fit(X, LABELS, verbose=0).history
    assert set(logs) == {"loss", "accuracy", "own"}


def test_batches_of_a_stream_are_counted_alike(backend: Any) -> None:
    made = model("sigmoid", "mse")
    made.optimizer.learning_rate = 1e-12
    rows = np.vstack([np.eye(4, dtype="float32")[CLASSES[:120]], LABELS[120:]])
    found = made.fit([(X[:120], rows[:120]), (X[120:], rows[120:])], verbose=0).history
    hits = made.predict(X).argmax(axis=1) == rows.argmax(axis=1)
    assert found["accuracy"][-1] == pytest.approx(hits.mean())
