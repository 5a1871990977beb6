"""Validation, evaluation and prediction on iterables of batches: as on their rows together."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import nnaccel as nn
from nnaccel.layers import Dense
from nnaccel.model.sequential import Sequential

rng = np.random.default_rng(0)
BATCHES = [
    (rng.normal(size=(n, 3)).astype("float32"), rng.integers(2, size=n), rng.random(n))
    for n in (4, 7, 4)
]
X, Y, W = (np.concatenate(arrays) for arrays in zip(*BATCHES, strict=True))


def once() -> Iterator[Any]:
    yield from BATCHES


class Again:
    """An object that begins again, without a length."""

    def __iter__(self) -> Iterator[Any]:
        return iter(BATCHES)


def made() -> Sequential:
    model = Sequential([Dense(4, "tanh", penalty=nn.L2(0.1)), Dense(2, "softmax")], seed=0)
    model.compile(optimizer="adam", metrics=["accuracy", "auc"])
    model.build((3,))
    return model


@pytest.mark.parametrize("made_of", [lambda: BATCHES, once, lambda: once, Again])
def test_evaluate_takes_batches(made_of: Any, backend: Any) -> None:
    found = made().evaluate(made_of(), return_dict=True)
    assert found == pytest.approx(made().evaluate(X, Y, sample_weight=W, return_dict=True), 1e-6)


def test_validation_goes_through_an_iterable_in_every_epoch(backend: Any) -> None:
    histories = [
        made().fit(X, Y, epochs=3, verbose=0, validation_data=given).history
        for given in ((X, Y, W), BATCHES, once, Again())
    ]
    for history in histories[1:]:
        for name, values in histories[0].items():
            np.testing.assert_allclose(history[name], values, rtol=1e-6, err_msg=name)


def test_validation_of_a_stream_is_a_stream(backend: Any) -> None:
    history = made().fit(once, verbose=0, validation_data=once).history
    assert len(history["val_auc"]) == 1


@pytest.mark.parametrize("made_of", [once, lambda: once, lambda: (x for x, _, _ in BATCHES)])
def test_predict_takes_batches(made_of: Any, backend: Any) -> None:
    model = made()
    np.testing.assert_allclose(model.predict(made_of()), model.predict(X), rtol=1e-6)


def test_weights_in_a_stream_are_those_of_rows(backend: Any) -> None:
    model, other = made(), made()
    for each, given in ((model, (X, Y)), (other, ([(X, Y, W)],))):
        weights = {"sample_weight": W, "shuffle": False} if len(given) == 2 else {}
        each.fit(*given, batch_size=15, epochs=2, verbose=0, **weights)
    np.testing.assert_array_equal(nn.to_numpy(model.weights), nn.to_numpy(other.weights))


def test_a_generator_is_gone_after_the_first_epoch() -> None:
    with pytest.raises(ValueError, match="a generator runs only once"):
        made().fit(X, Y, epochs=2, verbose=0, validation_data=once())
    empty = iter(())
    with pytest.raises(ValueError, match="iterable of batches is empty"):
        made().predict(empty)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda model: model.evaluate(X), "y is missing"),
        (lambda model: model.evaluate(BATCHES, sample_weight=W), r"give batches \(x, y, sample"),
        (lambda model: model.evaluate([(X, Y), (X, Y[:3])]), "batch 2: 15 inputs but targets"),
        (lambda model: model.evaluate([X]), r"batch 1 is of type ndarray; expected \(x, y\)"),
        (lambda model: model.predict(iter([X, X[:, :2]])), "batch 2: inputs have shape"),
        (lambda model: model.fit(X, Y, validation_data=5), "not a int"),
        (lambda model: model.fit(X, Y, validation_data=(X,)), "not a tuple"),
    ],
)
def test_what_does_not_fit_is_refused(call: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        call(made())
