"""Weights of rows: as if rows were repeated, on every backend, in training and evaluation."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from nnaccel.layers import Dense
from nnaccel.model.sequential import Sequential
from nnaccel.optim import SGD

from ..registered import LOSSES, ending


def problem() -> Any:
    rng = np.random.default_rng(0)
    return rng.normal(size=(23, 4)), rng.integers(0, 3, 23), rng.integers(0, 4, 23)


def made(loss: str = "categorical_crossentropy", last: str = "softmax") -> Sequential:
    model = Sequential([Dense(5, "tanh"), Dense(3, last)], seed=0, dtype="float64")
    model.compile(loss=loss, optimizer=SGD(0.1), metrics=["accuracy"])
    return model


@pytest.mark.filterwarnings("ignore:accuracy is counted label by label")
@pytest.mark.parametrize(
    ("loss", "last"), [*((loss, ending(loss)) for loss in LOSSES), ("mse", "softmax")]
)
def test_a_full_batch_is_as_if_rows_were_repeated(backend: Any, loss: str, last: str) -> None:
    x, y, counts = problem()
    weighted, repeated = made(loss, last), made(loss, last)
    total = counts.sum()
    history = weighted.fit(
        x, np.eye(3)[y], epochs=3, batch_size=23, sample_weight=counts * 23 / total, verbose=0
    )
    expected = repeated.fit(
        x.repeat(counts, axis=0), np.eye(3)[y.repeat(counts)], epochs=3, batch_size=total, verbose=0
    )
    for a, b in zip(weighted.get_weights(), repeated.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-10, atol=1e-14)
    np.testing.assert_allclose(history.history["loss"], expected.history["loss"], rtol=1e-10)


def test_batches_find_their_own_weights(backend: Any) -> None:
    x, y, counts = problem()
    model = made()
    rows = [model.evaluate(x[i : i + 1], y[i : i + 1])[0] for i in range(23)]
    loss, accuracy = model.evaluate(x, y, batch_size=7, sample_weight=counts)
    np.testing.assert_allclose(loss, counts @ rows / 23)
    assert accuracy == made().evaluate(x, y)[1]  # counts rows alike
    model.fit(x, y, batch_size=5, sample_weight=np.ones(23), verbose=0)
    plain = made()
    plain.fit(x, y, batch_size=5, verbose=0)
    np.testing.assert_array_equal(model.weights, plain.weights)


def test_rows_without_weight_teach_nothing(backend: Any) -> None:
    x, y, counts = problem()
    y[counts == 0] = (y[counts == 0] + 1) % 3
    models = [made(), made()]
    for model in models:
        model.fit(x, y, batch_size=4, epochs=2, sample_weight=counts, verbose=0)
        x = x * np.where(counts == 0, 17, 1)[:, None]
    np.testing.assert_array_equal(models[0].weights, models[1].weights)


def test_validation_may_have_weights() -> None:
    x, y, counts = problem()
    model = made()
    history = model.fit(x, y, validation_data=(x, y, counts), verbose=0).history
    np.testing.assert_allclose(
        history["val_loss"], [model.evaluate(x, y, sample_weight=counts)[0]], rtol=1e-12
    )
    halves = made().fit(x, y, sample_weight=counts, validation_split=0.5, verbose=0).history
    first, last = slice(0, 12), slice(12, 23)
    parts = made().fit(
        x[first],
        y[first],
        sample_weight=counts[first],
        validation_data=(x[last], y[last], counts[last]),
        verbose=0,
    )
    assert halves == parts.history


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        (np.ones(22), r"sample_weight has shape \(22,\)"),
        (np.ones((23, 1)), r"sample_weight has shape \(23, 1\)"),
        (["a"] * 23, "expected a number for each of 23 rows"),
        (np.zeros(23), "not 0 everywhere"),
        (np.r_[-1.0, np.ones(22)], "without negative numbers"),
        (np.r_[np.nan, np.ones(22)], "must be finite"),
    ],
)
def test_weights_that_are_none(weights: Any, message: str) -> None:
    x, y, _ = problem()
    for call in (made().fit, made().evaluate):
        with pytest.raises(ValueError, match=message):
            call(x, y, sample_weight=weights)


def test_weights_beyond_float32() -> None:
    x, y, _ = problem()
    model = Sequential([Dense(3, "softmax")], seed=0)
    model.compile()
    for weights in (np.full(23, 1e300), np.full(23, 1e-300)):
        with pytest.raises(ValueError, match="finite in float32, without negative numbers"):
            model.fit(x, y, sample_weight=weights)


def test_a_stream_has_no_weights() -> None:
    x, y, counts = problem()
    with pytest.raises(ValueError, match="give batches"):
        made().fit([(x, y)], sample_weight=counts)


@pytest.mark.parametrize(
    ("last", "loss"),
    [("softmax", "binary_crossentropy"), ("sigmoid", "categorical_crossentropy")],
)
def test_an_ending_that_does_not_match_the_loss_is_warned_of_once(last: str, loss: str) -> None:
    x, y, _ = problem()
    model = made(loss, last)
    for call in (
        lambda: model.fit(x, y, validation_data=(x, y), verbose=0),
        lambda: model.evaluate(x, y),
    ):
        with pytest.warns(UserWarning, match=f"but the loss is {loss}") as told:
            call()
        assert [warning.filename for warning in told] == [__file__]
