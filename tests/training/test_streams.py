"""Epochs of a given number of batches, from iterables that end late or never."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nnaccel.layers import Dense
from nnaccel.model.sequential import Sequential
from nnaccel.training import streams
from nnaccel.training.callbacks import Callback, ProgressBar

rng = np.random.default_rng(0)
BATCHES = [(rng.normal(size=(4, 3)).astype("float32"), rng.integers(2, size=4)) for _ in range(5)]


def endless() -> Iterator[Any]:
    while True:
        yield from BATCHES


def once() -> Iterator[Any]:
    yield from BATCHES


def trained(stream: Any, built: bool = True, **settings: Any) -> Sequential:
    model = Sequential([Dense(4, "tanh"), Dense(2, "softmax")], seed=0)
    model.compile(optimizer="adam")
    if built:
        model.build((3,))
    model.fit(stream, **{"verbose": 0, **settings})
    return model


def wanted(batches: int) -> np.ndarray:
    """The weights after that many batches, in one epoch."""
    return np.asarray(trained(list(itertools.islice(endless(), batches))).weights)


@pytest.mark.parametrize("built", [True, False])
@pytest.mark.parametrize(
    "made",
    [
        endless,
        lambda: itertools.cycle(BATCHES),
        lambda: iter(BATCHES * 2),
        lambda: BATCHES,
        lambda: once,
        lambda: endless,
    ],
    ids=["endless", "cycle", "iterator", "list", "function", "endless function"],
)
def test_epochs_follow_one_another_through_an_iterable(made: Any, built: bool) -> None:
    model = trained(made(), built, epochs=3, steps_per_epoch=3)
    np.testing.assert_array_equal(model.weights, wanted(9))
    assert len(model.history.history["loss"]) == 3


def test_a_generator_function_starts_again_in_every_epoch() -> None:
    np.testing.assert_array_equal(trained(once, epochs=2).weights, wanted(10))


def test_a_generator_that_ends_too_early_is_an_error() -> None:
    with pytest.raises(ValueError, match="ended after 2 of the 3 batches of this epoch"):
        trained(once(), epochs=2, steps_per_epoch=3)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"steps_per_epoch": 0}, "steps_per_epoch=0 must be a whole number of at least 1"),
        ({"steps_per_epoch": 2, "y": BATCHES[0][1]}, "is for an iterable of batches"),
        ({}, "itertools.cycle never ends: pass steps_per_epoch"),
        (
            {"steps_per_epoch": 2, "validation_data": itertools.cycle(BATCHES)},
            "itertools.cycle never ends: .* cut it off with itertools.islice",
        ),
    ],
)
def test_what_does_not_fit_is_refused(settings: Any, words: str) -> None:
    x = BATCHES[0][0] if "y" in settings else itertools.cycle(BATCHES)
    with pytest.raises(ValueError, match=words):
        trained(x, **settings)


def test_repeat_without_an_end_is_refused() -> None:
    with pytest.raises(ValueError, match=r"itertools\.repeat never ends: pass steps_per_epoch"):
        trained(itertools.repeat(BATCHES[0]))
    trained(itertools.repeat(BATCHES[0], 3))
    trained(itertools.repeat(BATCHES[0]), steps_per_epoch=3)


def test_an_iterable_that_goes_on_is_told_of_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "_MANY", 7)
    with pytest.warns(UserWarning, match="7 batches have passed in this epoch") as told:
        trained(itertools.chain(BATCHES * 4))
    assert len(told) == 1
    assert told[0].filename == __file__
    assert "pass steps_per_epoch" in str(told[0].message)
    trained(BATCHES * 4)  # its length is known
    trained(endless(), steps_per_epoch=20)


class Kill(Callback):
    """Ends the training as a signal would, in the middle of its second epoch."""

    def on_train_batch_end(self, batch: int, logs: Any) -> None:
        if self.model.epochs == 1 and batch == 1:
            raise KeyboardInterrupt


@pytest.mark.parametrize("stream", [endless, BATCHES], ids=["function", "list"])
def test_a_resumed_training_goes_on_in_the_iterable(stream: Any, tmp_path: Path) -> None:
    settings = {"epochs": 4, "steps_per_epoch": 3, "checkpoint": tmp_path / "c.safetensors"}
    with pytest.raises(KeyboardInterrupt):
        trained(stream, callbacks=[Kill()], **settings)
    model = trained(stream, resume=True, **settings)
    np.testing.assert_array_equal(model.weights, wanted(12))


def test_a_resumed_training_with_other_steps_is_told_of(tmp_path: Path) -> None:
    settings = {"checkpoint": tmp_path / "c.safetensors"}
    trained(endless, epochs=1, steps_per_epoch=3, **settings)
    with pytest.warns(UserWarning, match="number of batches in an epoch was 3, not 2"):
        trained(endless, epochs=2, steps_per_epoch=2, resume=True, **settings)


def test_steps_are_known_to_callbacks_and_the_bar(capsys: pytest.CaptureFixture[str]) -> None:
    bar = ProgressBar(2)
    validation = tuple(map(np.concatenate, zip(*BATCHES, strict=True)))
    trained(endless(), steps_per_epoch=3, epochs=2, verbose=0, callbacks=[bar],
            validation_data=validation)  # fmt: skip
    assert bar.params["steps"] == 3
    lines = capsys.readouterr().out.splitlines()
    assert [line.split("  ")[0] for line in lines] == ["epoch 1/2", "epoch 2/2"]
    assert all("val_loss" in line for line in lines)
