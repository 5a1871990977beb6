"""Whole trainings: the same on every backend, on any number of threads, moved or not."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from nnaccel import data, get_backend, set_backend, use_backend
from nnaccel.layers import Activation, Dense, Dropout
from nnaccel.model.sequential import Sequential
from nnaccel.optim import Adam, Optimizer

from .registered import OPTIMIZERS


@pytest.fixture(scope="module")
def digits() -> Any:
    (x, y), _ = data.digits()
    return x[:500], y[:500]


def network(
    optimizer: Optimizer, activation: str = "tanh", dtype: str = "float32", units: int = 24
) -> Sequential:
    layers = [
        Dense(units, activation, penalty="l2"),
        Dropout(0.2),
        Dense(10, penalty="l1"),
        Activation("softmax"),
    ]
    model = Sequential(layers, seed=1, dtype=dtype)
    model.compile(optimizer=optimizer, metrics=["accuracy"])
    return model


def train(model: Sequential, digits: Any, **settings: Any) -> dict[str, list[float]]:
    settings = {"epochs": 3, "batch_size": 32, "validation_split": 0.1, **settings}
    return model.fit(*digits, verbose=0, **settings).history


def assert_parallel(first: Any, second: Any, rtol: float) -> None:
    for name, values in first.items():
        if "loss" in name:
            np.testing.assert_allclose(second[name], values, rtol=rtol, err_msg=name)
        else:
            np.testing.assert_allclose(second[name], values, atol=2 / 50, err_msg=name)


def histories(digits: Any, *settings: Any) -> list[dict[str, list[float]]]:
    results = []
    for name in ("numpy", "numba"):
        with use_backend(name):
            results.append(train(network(*settings), digits))
    return results


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_every_optimizer(optimizer: str, digits: Any) -> None:
    assert_parallel(*histories(digits, OPTIMIZERS[optimizer]()), rtol=1e-4)
    double = histories(digits, OPTIMIZERS[optimizer](), "tanh", "float64")
    assert_parallel(*double, rtol=1e-9)


# Threads


@pytest.fixture
def set_threads() -> Iterator[Any]:
    from nnaccel_kernels.cpu import set_num_threads
    from nnaccel_kernels.cpu.runtime.thread_pool import thread_pool

    before = thread_pool().size
    yield set_num_threads
    set_num_threads(before)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_any_number_of_threads(optimizer: str, dtype: str, set_threads: Any, digits: Any) -> None:
    """Bit for bit: no sum may depend on who adds it up."""
    results = []
    with use_backend("numba"):
        for count in (1, 2, 3):
            set_threads(count)
            # Wide enough for every kernel to be shared out.
            model = network(OPTIMIZERS[optimizer](), "gelu", dtype, units=150)
            history = train(model, digits, batch_size=100, epochs=2)
            results.append((history, model.get_weights(), model.predict(digits[0])))
    for history, weights, outputs in results[1:]:
        assert history == results[0][0]
        np.testing.assert_array_equal(outputs, results[0][2])
        for ours, theirs in zip(weights, results[0][1], strict=True):
            np.testing.assert_array_equal(ours, theirs)


# Moving


@pytest.fixture
def default_backend() -> Iterator[None]:
    before = get_backend().name
    yield
    set_backend(before)


def test_moving_between_fits_changes_nothing_but_rounding(digits: Any) -> None:
    stay, move = network(Adam()).to("numba"), network(Adam()).to("numba")
    whole = train(stay, digits, epochs=4)
    parts = []
    for epoch, name in enumerate(("numba", "numpy", "numpy", "numba")):
        move.to(name)
        assert move.backend.name == name
        parts.append(train(move, digits, epochs=epoch + 1, initial_epoch=epoch))
    merged = {name: [part[name][0] for part in parts] for name in whole}
    assert_parallel(whole, merged, rtol=1e-4)
    np.testing.assert_allclose(move.weights, stay.weights, atol=1e-4)


def test_the_default_backend_may_change_between_fits(default_backend: None, digits: Any) -> None:
    model = network(Adam())
    set_backend("numpy")
    first = train(model, digits, epochs=1)
    assert model.backend.name == "numpy"
    set_backend("numba")
    assert model.backend.name == "numba"
    second = train(model, digits, epochs=2, initial_epoch=1)
    with use_backend("numpy"):
        assert model.backend.name == "numpy"
        third = train(model, digits, epochs=3, initial_epoch=2)
    whole = train(network(Adam()), digits, epochs=3)
    merged = {name: first[name] + second[name] + third[name] for name in whole}
    assert_parallel(whole, merged, rtol=1e-4)


def test_a_model_put_somewhere_stays_there(default_backend: None, digits: Any) -> None:
    set_backend("numba")
    model = network(Adam()).to("numpy")
    train(model, digits, epochs=1)
    assert model.backend.name == "numpy"
    with use_backend("numba"):
        assert model.backend.name == "numpy"
        assert model.predict(digits[0]).shape == (500, 10)
    with pytest.raises(ValueError, match="Did you mean 'numba'"):
        model.to("nunba")
    assert model.backend.name == "numpy"


def test_a_backend_chosen_by_a_callback_is_for_the_next_fit(
    default_backend: None, digits: Any
) -> None:
    from nnaccel.training.callbacks import LambdaCallback

    set_backend("numba")
    switched, plain = network(Adam()), network(Adam())
    switch = LambdaCallback(on_epoch_end=lambda *_: set_backend("numpy"))
    ours = train(switched, digits, epochs=3, callbacks=[switch])
    assert get_backend().name == "numpy"
    set_backend("numba")
    assert train(plain, digits, epochs=3) == ours
