"""Several threads of the user's, on compiled kernels that have threads of their own."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest

from nnaccel import get_backend, use_backend
from nnaccel.layers import Dense, Dropout
from nnaccel.model.sequential import Sequential
from nnaccel.training.callbacks import LambdaCallback

from .processes import HANGS

ROWS = 400


def problem() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    y = rng.integers(10, size=ROWS)
    return (rng.normal(size=(ROWS, 64)) + np.eye(64)[y]).astype("float32"), y


def network(seed: int, units: int) -> Sequential:
    layers = [Dense(units, "relu"), Dropout(0.2), Dense(10, "softmax")]
    model = Sequential(layers, seed=seed)
    model.compile(optimizer="adam", metrics=["accuracy"])
    return model


def train(seed: int, units: int, *callbacks: Any, backend: str = "numba") -> Sequential:
    with use_backend(backend):
        model = network(seed, units)
        settings = {"batch_size": 50, "callbacks": callbacks, "verbose": 0}
        model.fit(*problem(), epochs=8, **settings)
        return model


def at_once(*tasks: Callable[[], Any]) -> list[Any]:
    with ThreadPoolExecutor(len(tasks)) as pool:
        return [future.result() for future in [pool.submit(task) for task in tasks]]


def test_trainings_side_by_side_do_not_touch(backend: Any) -> None:
    """They meet at every epoch, so they do run at the same time."""
    sizes = [(1, 40), (2, 200), (3, 90)]
    alone = [train(*size, backend=backend.name) for size in sizes]
    meeting = threading.Barrier(len(sizes), timeout=HANGS)
    meet = LambdaCallback(on_epoch_begin=lambda *_: meeting.wait())
    tasks = [lambda size=size: train(*size, meet, backend=backend.name) for size in sizes]
    for ours, theirs in zip(at_once(*tasks), alone, strict=True):
        np.testing.assert_array_equal(ours.weights, theirs.weights)
        assert ours.history.history == theirs.history.history


def test_backends_side_by_side() -> None:
    """`use_backend` is the thread's own."""
    before = get_backend().name
    meeting = threading.Barrier(2, timeout=HANGS)
    meet = LambdaCallback(on_epoch_begin=lambda *_: meeting.wait())
    ours = at_once(
        lambda: train(1, 40, meet, backend="numpy"), lambda: train(1, 40, meet, backend="numba")
    )
    assert get_backend().name == before
    for model, name in zip(ours, ("numpy", "numba"), strict=True):
        np.testing.assert_array_equal(model.weights, train(1, 40, backend=name).weights)


def test_many_threads_ask_one_model(backend: Any) -> None:
    x, y = problem()
    model = network(0, 100)
    model.fit(x, y, verbose=0)
    whole, loss = model.predict(x), model.evaluate(x, y)

    def ask(first: int) -> None:
        with use_backend(backend.name):
            rows = slice(first, first + 100)
            for size in (16, 100):
                outputs = model.predict(x[rows], batch_size=size)
                np.testing.assert_allclose(outputs, whole[rows], rtol=1e-5)
            assert model.evaluate(x, y) == loss
            np.testing.assert_allclose(backend.to_numpy(model(x[rows])), whole[rows], rtol=1e-5)

    at_once(*[lambda first=first: ask(first) for first in range(0, ROWS - 100, 50)])


def test_one_model_is_trained_by_one_thread() -> None:
    model = network(0, 40)
    others: list[threading.Thread] = []
    errors: list[BaseException] = []

    def fit_too() -> None:
        try:
            model.fit(*problem(), verbose=0)
        except RuntimeError as error:
            errors.append(error)

    def begin(*_: Any) -> None:
        others.append(threading.Thread(target=fit_too))
        others[0].start()
        others[0].join()

    model.fit(*problem(), callbacks=[LambdaCallback(on_epoch_begin=begin)], verbose=0)
    assert len(errors) == 1
    assert "is being trained" in str(errors[0])


@pytest.mark.parametrize("name", ["numpy", "numba"])
def test_a_model_built_in_one_thread_trains_in_another(name: str) -> None:
    with use_backend(name):
        model = network(1, 40)
        model.build((64,))
    model.to(name)
    settings = {"epochs": 8, "batch_size": 50, "verbose": 0}
    at_once(lambda: model.fit(*problem(), **settings))
    np.testing.assert_array_equal(model.weights, train(1, 40, backend=name).weights)
