"""A limit of time, TensorBoard's curves, and the search for a learning rate."""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import nnaccel as nn
from nnaccel import plot
from nnaccel.layers import Dense
from nnaccel.model.sequential import Sequential
from nnaccel.training.callbacks import LambdaCallback, TensorBoard, TimeLimit, time_limit

rng = np.random.default_rng(0)
X = rng.normal(size=(60, 4)).astype("float32")
Y = (X[:, 0] > 0).astype(int)


def made(rate: Any = 0.01) -> Sequential:
    model = Sequential([Dense(6, "tanh"), Dense(2, "softmax")], seed=0)
    model.compile("categorical_crossentropy", nn.optim.SGD(rate), ["accuracy"])
    return model


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """A clock that is set by hand."""
    now = SimpleNamespace(seconds=100.0)
    monkeypatch.setattr(time_limit.time, "monotonic", lambda: now.seconds)
    return now


def takes(clock: Any, *seconds: float) -> LambdaCallback:
    """Epochs that take so long."""
    left = list(seconds)

    def wait(epoch: int, logs: Any) -> None:
        clock.seconds += left.pop(0)

    return LambdaCallback(on_epoch_end=wait)


@pytest.mark.parametrize(
    ("seconds", "trained"),
    [(0.5, 1), (3.9, 1), (4.0, 2), (9.0, 4), (100.0, 5)],
)
def test_training_ends_before_an_epoch_that_would_be_late(
    clock: Any, seconds: float, trained: int
) -> None:
    callbacks = [takes(clock, 2, 2, 1, 3, 1), TimeLimit(seconds)]
    history = made().fit(X, Y, epochs=5, verbose=0, callbacks=callbacks)
    assert len(history.history["loss"]) == trained


def test_seconds_of_a_resumed_training_count(clock: Any, tmp_path: Path) -> None:
    path = tmp_path / "c.safetensors"
    first, later = takes(clock, 2, 2), takes(clock, 2, 2, 2, 2)
    model = made()
    model.fit(X, Y, epochs=2, verbose=0, callbacks=[first, TimeLimit(7)], checkpoint=path)
    limit = TimeLimit(7)
    model = made()
    model.fit(X, Y, epochs=9, verbose=0, callbacks=[later, limit], checkpoint=path, resume=True)
    assert (model.epochs, limit.spent) == (3, 6.0)
    model = made()
    limit = TimeLimit(7)
    model.fit(X, Y, epochs=9, verbose=0, callbacks=[limit], checkpoint=path, resume=True)
    assert model.epochs == 3


def test_a_limit_is_above_0() -> None:
    with pytest.raises(ValueError, match="seconds"):
        TimeLimit(0)


class Writer:
    """Keeps what tensorboardX would write."""

    def __init__(self, folder: str) -> None:
        self.folder, self.points, self.closed = folder, [], False
        written.append(self)

    def add_scalar(self, name: str, value: float, step: int) -> None:
        self.points.append((name, step, value))

    def flush(self) -> None:
        pass

    def close(self) -> None:
        self.closed = True


written: list[Any] = []


def test_curves_for_tensorboard(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    written.clear()
    monkeypatch.setitem(sys.modules, "tensorboardX", SimpleNamespace(SummaryWriter=Writer))
    callback = TensorBoard(tmp_path / "run")
    history = (
        made().fit(X, Y, epochs=2, verbose=0, validation_split=0.2, callbacks=[callback]).history
    )
    (writer,) = written
    assert (writer.folder, writer.closed) == (str(tmp_path / "run"), True)
    wanted = {("learning_rate", epoch, 0.01) for epoch in (1, 2)}
    for name in ("loss", "accuracy"):
        for of, prefix in (("training", ""), ("validation", "val_")):
            values = history[prefix + name]
            wanted |= {(f"{name}/{of}", epoch, v) for epoch, v in enumerate(values, 1)}
    assert set(writer.points) == wanted


def test_tensorboard_says_what_it_needs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "tensorboardX", None)
    with pytest.raises(RuntimeError, match=r"pip install tensorboardX"):
        made().fit(X, Y, verbose=0, callbacks=[TensorBoard(tmp_path)])


def test_a_learning_rate_is_found_and_the_model_left_alone(backend: Any) -> None:
    model = made()
    model.build((4,))
    before = nn.to_numpy(model.weights).copy()
    found = nn.find_learning_rate(model, X, Y, low=1e-4, high=1e4, batch_size=20)
    np.testing.assert_array_equal(nn.to_numpy(model.weights), before)
    assert model.optimizer.learning_rate == 0.01
    assert 0.01 < found.suggested < 50
    assert found.rates.shape == found.losses.shape
    assert found.rates[0] == 1e-4
    np.testing.assert_allclose(found.rates[1:] / found.rates[:-1], 1e8 ** (1 / 99))
    good, bad = made(found.suggested), made(1e-4)
    losses = [m.fit(X, Y, epochs=5, verbose=0).history["loss"][-1] for m in (good, bad)]
    assert losses[0] < 0.7 * losses[1]
    figure = plot.learning_rates(found)
    assert figure.axes[0].get_xscale() == "log"


def test_the_search_ends_where_the_loss_grows(backend: Any) -> None:
    model = Sequential([Dense(1)], seed=0)
    model.compile("mse", nn.optim.SGD(0.1))
    found = nn.find_learning_rate(model, X, X[:, :1], low=1e-3, high=1e6)
    assert len(found.rates) < 100
    assert found.losses[-1] > 2 * found.losses.min()
    assert np.isfinite(found.losses).all()


def test_a_loss_below_0_is_no_end_of_the_search(backend: Any) -> None:
    counts = np.random.default_rng(1).poisson(5, len(X))
    model = Sequential([Dense(1, "softplus")], seed=0)
    model.compile("poisson", nn.optim.SGD(0.1))
    found = nn.find_learning_rate(model, X, counts, low=1e-5, high=0.3)
    assert len(found.rates) == 100
    assert found.losses[-1] < 0
    assert found.suggested > 1e-4  # not where the average of a few losses varies


@pytest.mark.parametrize(
    ("settings", "words"),
    [({"low": 0.0}, "low"), ({"low": 2.0}, "high"), ({"steps": 3}, "steps=3")],
)
def test_a_search_that_cannot_be(settings: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        nn.find_learning_rate(made(), X, Y, **settings)


def test_a_search_checks_all_rows_first() -> None:
    with pytest.raises(ValueError, match="they must pair up"):
        nn.find_learning_rate(made(), X, Y[:-1])


def test_a_number_is_wanted_of_seconds() -> None:
    with pytest.raises(ValueError, match="seconds='1h' must be above 0"):
        nn.TimeLimit("1h")  # type: ignore[arg-type]
