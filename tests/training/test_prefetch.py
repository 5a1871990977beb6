"""A thread that fetches batches ahead: the same batches, bounded, with errors and Ctrl-C."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import nnaccel as nn
from nnaccel.training.prefetch import prefetched

RNG = np.random.default_rng(0)
BATCHES = [(RNG.normal(size=(4, 3)).astype("float32"), RNG.integers(2, size=4)) for _ in range(7)]


def network() -> nn.Sequential:
    model = nn.Sequential([nn.Dense(4, "tanh"), nn.Dense(2, "softmax")], seed=0)
    model.compile(optimizer="adam")
    model.build((3,))
    return model


def refilled() -> Iterator[Any]:
    """Batches in one array, filled again for each."""
    x, y = np.empty((4, 3), "float32"), np.empty(4, int)
    for batch in BATCHES:
        x[...], y[...] = batch
        yield x, y


def others() -> list[threading.Thread]:
    return [t for t in threading.enumerate() if t.name == "nnaccel-prefetch"]


@pytest.mark.parametrize("steps", [None, 5])
@pytest.mark.parametrize("ahead", [1, 2, 50])
def test_same_weights_as_without(backend: Any, ahead: int, steps: int | None) -> None:
    weights = []
    for prefetch in (0, ahead):
        model = network()
        settings = {"epochs": 3, "steps_per_epoch": steps, "validation_data": refilled}
        model.fit(refilled, prefetch=prefetch, verbose=0, **settings)
        weights.append((model.weights.copy(), model.history.history))
    np.testing.assert_array_equal(weights[0][0], weights[1][0])
    assert weights[0][1] == weights[1][1]
    assert not others()


def test_it_waits_with_so_many_batches_and_none_beyond_the_epoch() -> None:
    asked: list[int] = []
    gap = threading.Event()

    def numbers() -> Iterator[int]:
        for number in range(100):
            asked.append(number)
            if len(asked) == 3:
                gap.set()
            yield number

    given = prefetched(numbers(), 2)
    assert next(given) == 0
    assert gap.wait(10)  # two more are on their way, and no fourth before another is taken
    assert asked == [0, 1, 2]
    assert list(given) == list(range(1, 100))
    stream = (batch for batch in BATCHES)
    network().fit(stream, steps_per_epoch=5, verbose=0)
    assert len(list(stream)) == 2


def test_it_runs_in_a_thread_with_the_backend_of_the_caller() -> None:
    seen: set[Any] = set()

    def watched() -> Iterator[Any]:
        for batch in BATCHES:
            seen.add((threading.current_thread().name, nn.get_backend().name))
            yield batch

    with nn.use_backend("numpy"):
        network().fit(watched, verbose=0)
    assert seen == {("nnaccel-prefetch", "numpy")}


@pytest.mark.parametrize("error", [KeyError("row"), KeyboardInterrupt()])
def test_errors_of_the_iterable_come_with_their_traceback(error: BaseException) -> None:
    def failing() -> Iterator[Any]:
        yield from BATCHES[:3]
        raise error

    with pytest.raises(type(error)) as caught:
        network().fit(failing, verbose=0)
    assert "failing" in [entry.name for entry in caught.traceback]
    assert not others()


def test_an_interrupt_ends_the_thread() -> None:
    def interrupt(batch: int, logs: Any) -> None:
        if batch == 2:
            raise KeyboardInterrupt

    model = network()
    with pytest.raises(KeyboardInterrupt):
        model.fit(refilled, verbose=0, callbacks=[nn.LambdaCallback(on_train_batch_end=interrupt)])
    assert not others()
    model.fit(refilled, verbose=0)


def test_an_iterable_that_uses_the_model_is_told() -> None:
    def looking() -> Iterator[Any]:
        for x, _ in BATCHES:
            yield x, model.predict(x).argmax(axis=1)

    model = network()
    with pytest.raises(RuntimeError, match="To fix: give fit prefetch=0"):
        model.fit(looking, verbose=0)
    assert len(model.fit(looking, prefetch=0, verbose=0).history["loss"]) == 1
    with pytest.raises(ValueError, match="prefetch=-1 must be a whole number of at least 0"):
        model.fit(looking, prefetch=-1)
