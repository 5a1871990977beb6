from __future__ import annotations

import contextlib
import io
import itertools
import json
import math
import re
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from rich.console import Console

import nnaccel as nn
from nnaccel.optim.schedules import CosineDecay
from nnaccel.training.callbacks import (
    Callback,
    CSVLogger,
    EarlyStopping,
    History,
    LambdaCallback,
    ModelCheckpoint,
    ProgressBar,
    ReduceLROnPlateau,
)
from nnaccel.training.callbacks._base import HOOKS, wants_batches
from nnaccel.training.callbacks._list import CallbackList

PARAMS = {"epochs": 5, "steps": 4, "samples": 30, "batch_size": 8, "verbose": 1}
NAN = math.nan


class FakeModel:
    """Its one weight is the number of epochs it was trained for."""

    def __init__(self, learning_rate: Any = 1.0) -> None:
        self.stop_training = False
        self.optimizer = SimpleNamespace(learning_rate=learning_rate)
        self.weights = [np.zeros(1)]
        self.saved: list[tuple[str, Any]] = []
        self.callbacks: Any = None

    def get_weights(self) -> list[np.ndarray]:
        return [w.copy() for w in self.weights]

    def final_weights(self) -> list[np.ndarray]:
        return self.get_weights()

    def set_weights(self, weights: Sequence[np.ndarray]) -> None:
        self.weights = [w.copy() for w in weights]

    def save(self, path: str | Path) -> None:
        self.saved.append((str(path), self.callbacks and self.callbacks.state()))


def train(
    model: FakeModel, callbacks: CallbackList, values: Sequence[float], first: int = 0
) -> list[float]:
    """Run epochs whose validation loss is given; returns the learning rate of each."""
    rates = []
    for epoch, value in enumerate(values, first):
        rates.append(model.optimizer.learning_rate)
        callbacks.on_epoch_begin(epoch, {})
        model.weights[0] += 1
        callbacks.on_epoch_end(epoch, {"loss": 0.5, "val_loss": value})
        if model.stop_training:
            break
    return rates


def fit(values: Sequence[float], *callbacks: Callback, model: FakeModel | None = None) -> FakeModel:
    model = model or FakeModel()
    with CallbackList(callbacks, model, PARAMS) as every:
        every.on_train_begin({})
        train(model, every, values)
        every.on_train_end({})
    return model


# The list and the base


class Recorder(Callback):
    def __init__(self) -> None:
        self.calls: list[Any] = []

    def on_epoch_end(self, epoch: int, logs: Any) -> None:
        self.calls.append(("epoch_end", epoch, logs["val_loss"]))

    def close(self) -> None:
        self.calls.append("close")


@pytest.mark.parametrize("hook", HOOKS)
def test_the_list_calls_each_hook_of_each_callback(hook: str) -> None:
    seen: list[Any] = []
    callbacks = [
        LambdaCallback(**{hook: lambda *args, i=i: seen.append((i, args))}) for i in (0, 1)
    ]
    every = CallbackList(callbacks, FakeModel(), PARAMS)
    args = ({"loss": 1.0},) if hook in ("on_train_begin", "on_train_end") else (3, {"loss": 1.0})
    getattr(every, hook)(*args)
    assert seen == [(0, args), (1, args)]
    assert every.wants_batches == ("batch" in hook)


def test_callbacks_get_the_model_and_the_sizes() -> None:
    model, callback = FakeModel(), Callback()
    CallbackList([callback], model, PARAMS)
    assert callback.model is model
    assert callback.params is PARAMS


def test_everything_is_closed_when_training_fails() -> None:
    class Broken(Recorder):
        def close(self) -> None:
            super().close()
            raise OSError("disk full")

    first, broken, last = Recorder(), Broken(), Recorder()
    with (
        pytest.raises(OSError, match="disk full"),
        CallbackList([first, broken, last], FakeModel(), PARAMS),
    ):
        raise KeyboardInterrupt
    assert [first.calls, broken.calls, last.calls] == [["close"]] * 3


def test_wants_batches() -> None:
    class Counting(Callback):
        def on_train_batch_end(self, batch: int, logs: Any) -> None:
            pass

    class Derived(Counting):
        pass

    assert wants_batches(Derived())
    assert wants_batches(LambdaCallback(on_train_batch_begin=print))
    assert not wants_batches(Recorder())
    assert not wants_batches(LambdaCallback(on_progress=print))


def test_what_is_no_callback_is_refused() -> None:
    with pytest.raises(TypeError, match="forget the brackets"):
        CallbackList([EarlyStopping], FakeModel(), PARAMS)
    with pytest.raises(ValueError, match="Did you mean 'on_epoch_end'"):
        LambdaCallback(on_epoch_ends=print)
    with pytest.raises(TypeError, match="must be a function, not int"):
        LambdaCallback(on_epoch_end=3)


def test_history() -> None:
    history = History()
    fit([3, 2], history)
    fit([np.float32(1.5), 0.5], history)  # begins anew
    assert history.epoch == [0, 1]
    assert history.history == {"loss": [0.5, 0.5], "val_loss": [1.5, 0.5]}
    assert type(history.history["val_loss"][0]) is float


# EarlyStopping: validation losses -> epoch it stops at, and epoch of the best weights

STOPPING: list[tuple[dict[str, Any], list[float], int | None, int]] = [
    ({}, [3, 2, 1], None, 2),
    ({}, [3, 2, 2, 1], 2, 1),  # patience 0: the first epoch that is no better
    ({"patience": 1}, [3, 2, 2, 1], 2, 1),
    ({"patience": 2}, [3, 2, 2, 1, 1, 1, 0], 5, 3),
    ({"patience": 2}, [3, 4, 2, 4, 1, 4], None, 4),  # never twice in a row
    ({"patience": 1, "min_delta": 0.5}, [3, 2.6, 1], 1, 0),
    ({"patience": 2, "min_delta": 0.5}, [3, 2.6, 2.4, 2], None, 2),  # gains add up
    ({"patience": 1, "mode": "max"}, [1, 2, 2, 3], 2, 1),
    ({"patience": 2, "start_from_epoch": 3}, [1, 1, 1, 5, 4, 4, 4, 4], 6, 4),
    ({"patience": 2, "baseline": 1}, [3, 2, 2, 0.5], 2, 1),  # better, but above the baseline
    ({"patience": 2, "baseline": 1}, [3, 0.5, 2, 2, 2], 3, 1),
    ({"patience": 2, "baseline": 1}, [5, 4, 3, 2], None, 3),  # no stop at an epoch that is better
    ({"patience": 2}, [NAN, 3, NAN, 2, NAN, NAN, 1], 5, 3),  # NaN is never better
    ({}, [NAN, NAN], 1, 0),
]


@pytest.mark.parametrize(("options", "values", "stopped", "best"), STOPPING)
def test_early_stopping(
    options: dict[str, Any], values: list[float], stopped: int | None, best: int
) -> None:
    stopping = EarlyStopping(**options)
    for _ in range(2):  # the second time as if new
        model = fit(values, stopping)
        assert model.stop_training == (stopped is not None)
        assert (stopping.stopped_epoch, stopping.best_epoch) == (stopped, best)
        assert model.weights[0] == best + 1
        assert stopping.best is None or stopping.best == values[best]


def test_early_stopping_may_keep_the_last_weights() -> None:
    stopping = EarlyStopping(restore_best_weights=False)
    assert fit([2, 1, 3, 4], stopping).weights[0] == 3
    assert stopping.state()["weights"] == {}


@pytest.mark.parametrize(
    ("name", "values", "stops"),
    [
        ("val_accuracy", [0.1, 0.2], False),
        ("auc", [0.1, 0.2], False),
        ("val_loss", [0.1, 0.2], True),
        ("mean_squared_error", [0.1, 0.2], True),
    ],
)
def test_the_mode_follows_from_the_name(name: str, values: list[float], stops: bool) -> None:
    stopping, model = EarlyStopping(monitor=name), FakeModel()
    stopping.set_model(model)
    for epoch, value in enumerate(values):
        stopping.on_epoch_end(epoch, {name: value})
    assert model.stop_training == stops


# ReduceLROnPlateau: validation losses -> the learning rate of each epoch, and the one after

REDUCING: list[tuple[dict[str, Any], list[float], list[float]]] = [
    ({"patience": 2}, [3, 2, 2, 2, 2, 2, 2], [1, 1, 1, 1, 0.5, 0.5, 0.25, 0.25]),
    ({"patience": 1}, [3, 3, 3, 3], [1, 1, 0.5, 0.25, 0.125]),
    ({"patience": 0}, [3, 3, 3, 3], [1, 1, 0.5, 0.25, 0.125]),
    ({"patience": 2}, [3, 3, 2, 2, 1, 1], [1] * 7),
    # The epoch in which the cool-down runs out counts towards patience again.
    ({"patience": 1, "cooldown": 1}, [3, 3, 3, 3], [1, 1, 0.5, 0.25, 0.125]),
    ({"patience": 1, "cooldown": 2}, [3] * 6, [1, 1, 0.5, 0.5, 0.25, 0.25, 0.125]),
    ({"patience": 2, "cooldown": 2}, [3] * 7, [1, 1, 1, 0.5, 0.5, 0.5, 0.25, 0.25]),
    ({"patience": 1, "cooldown": 3}, [3, 3, 2, 2, 2], [1, 1, 0.5, 0.5, 0.5, 0.25]),
    ({"patience": 1, "min_lr": 0.3}, [3, 3, 3, 3], [1, 1, 0.5, 0.3, 0.3]),
    ({"patience": 1, "min_delta": 1}, [3, 2.5, 1.5, 1], [1, 1, 0.5, 0.5, 0.25]),
    ({"patience": 1, "mode": "max"}, [1, 2, 3, 3], [1, 1, 1, 1, 0.5]),
    ({"patience": 1}, [NAN, 3, NAN, 2], [1, 0.5, 0.5, 0.25, 0.25]),
]


@pytest.mark.parametrize(("options", "values", "rates"), REDUCING)
def test_reduce_lr_on_plateau(
    options: dict[str, Any], values: list[float], rates: list[float]
) -> None:
    reducing, history = ReduceLROnPlateau(factor=0.5, **options), History()
    for _ in range(2):  # the second time as if new
        model = fit(values, reducing, history)
        assert history.history["learning_rate"] == rates[:-1]
        assert model.optimizer.learning_rate == rates[-1]


def test_a_schedule_cannot_be_reduced() -> None:
    schedule = CosineDecay(0.1, 10)
    with pytest.raises(TypeError, match=r"follows CosineDecay.*leave this callback out"):
        fit([1], ReduceLROnPlateau(), model=FakeModel(schedule))


# ModelCheckpoint


def saved(model: FakeModel) -> list[str]:
    return [path for path, _ in model.saved]


def test_checkpoint_names() -> None:
    path = "m-{epoch:02d}-{val_loss:.3f}.safetensors"
    model = fit([0.5, 0.25], ModelCheckpoint(path))
    assert saved(model) == ["m-01-0.500.safetensors", "m-02-0.250.safetensors"]


def test_checkpoints_of_the_best_and_of_every_second_epoch() -> None:
    best = ModelCheckpoint("{epoch}", save_best_only=True)
    assert saved(fit([3, NAN, 2, 2, 1], best)) == ["1", "3", "5"]
    assert best.best == 1
    assert saved(fit([3, 2, 1, 0, 5], ModelCheckpoint(Path("{epoch}"), every=2))) == ["2", "4"]
    assert saved(fit([3, 4, 1], ModelCheckpoint("{epoch}", save_best_only=True, mode="max"))) == [
        "1",
        "2",
    ]


def test_a_checkpoint_sees_what_all_others_made_of_the_epoch() -> None:
    model = FakeModel()
    checkpoint = ModelCheckpoint("m", save_best_only=True)
    reducing = ReduceLROnPlateau(patience=1)
    every = model.callbacks = CallbackList([checkpoint, reducing, History()], model, PARAMS)
    train(model, every, [2.0, 1.0])
    assert model.saved[-1][1]["ModelCheckpoint"] == {"best": 1.0}
    assert model.saved[-1][1]["ReduceLROnPlateau"]["best"] == 1.0
    assert model.saved[-1][1]["History"]["epoch"] == [0, 1]


# Resuming


def make_all(folder: Path) -> list[Callback]:
    return [
        ModelCheckpoint("{epoch}", save_best_only=True),
        EarlyStopping(patience=4),
        ReduceLROnPlateau(patience=1, cooldown=2, factor=0.5),
        CSVLogger(folder / "a.csv"),
        CSVLogger(folder / "b.csv"),
        History(),
    ]


def through_json(states: dict[str, dict[str, Any]]) -> Any:
    """What a checkpoint does: the counters become JSON, the arrays stay arrays."""
    weights = {name: state.pop("weights") for name, state in states.items() if "weights" in state}
    again = json.loads(json.dumps(states, allow_nan=False))
    for name, arrays in weights.items():
        again[name]["weights"] = arrays
    return again


@pytest.mark.parametrize("interrupted", range(8))
def test_a_resumed_training_goes_on_as_if_uninterrupted(interrupted: int, tmp_path: Path) -> None:
    values = [5, 4, 6, 6, 3, 7, 7, 7, 7, 7]
    whole = FakeModel()
    (tmp_path / "whole").mkdir()
    every = CallbackList(make_all(tmp_path / "whole"), whole, PARAMS)
    every.on_train_begin({})
    rates = train(whole, every, values)
    every.on_train_end({})
    assert len(rates) == 9
    assert whole.weights[0] == 5

    model = FakeModel()
    begun = CallbackList(make_all(tmp_path), model, PARAMS)
    begun.on_train_begin({})
    first = train(model, begun, values[:interrupted])
    states, weights = through_json(begun.state()), model.get_weights()
    rate = model.optimizer.learning_rate
    train(model, begun, [9, 9, 9], interrupted)  # lost: the checkpoint is older

    resumed = FakeModel(rate)
    resumed.set_weights(weights)
    resumed.saved = model.saved[: len([path for path in saved(model) if int(path) <= interrupted])]
    after = CallbackList(make_all(tmp_path), resumed, PARAMS)
    after.on_train_begin({})
    after.load_state(states)
    assert first + train(resumed, after, values[interrupted:], interrupted) == rates
    after.on_train_end({})
    assert resumed.weights == whole.weights
    assert saved(resumed) == saved(whole)
    assert through_json(after.state()) == through_json(every.state())
    for name in ("a.csv", "b.csv"):
        assert (tmp_path / name).read_text() == (tmp_path / "whole" / name).read_text()


def test_a_training_that_had_stopped_stays_stopped() -> None:
    stopping = EarlyStopping()
    fit([1, 2], stopping)
    resumed = EarlyStopping()
    resumed.set_model(FakeModel())
    resumed.on_train_begin({})
    resumed.load_state(stopping.state())
    assert resumed.model.stop_training


# CSVLogger


def test_csv_columns_are_those_of_the_first_epoch(tmp_path: Path) -> None:
    log = CSVLogger(tmp_path / "log.csv")
    log.on_train_begin({})
    log.on_epoch_end(0, {"loss": np.float32(0.5), "accuracy": 0.1})
    assert (tmp_path / "log.csv").read_text() == "epoch,loss,accuracy\n0,0.5,0.1\n"
    with pytest.warns(UserWarning, match=r"log\.csv has no column for val_loss"):
        log.on_epoch_end(1, {"val_loss": 3.0, "accuracy": 1 / 3})
    log.on_epoch_end(2, {"val_loss": 3.0})  # told of once
    assert (tmp_path / "log.csv").read_text().splitlines()[2:] == [f"1,NA,{1 / 3!r}", "2,NA,NA"]


@pytest.mark.parametrize("append", [False, True])
def test_csv_appends_or_begins_anew(append: bool, tmp_path: Path) -> None:
    log = CSVLogger(tmp_path / "log.csv", append)
    fit([3], log)
    repeats = pytest.warns(UserWarning, match="log.csv ends with epoch 0, and this training begins")
    with repeats if append else contextlib.nullcontext():
        fit([2], log)
    rows = (tmp_path / "log.csv").read_text().splitlines()
    assert rows == ["epoch,loss,val_loss", *["0,0.5,3.0"] * append, "0,0.5,2.0"]


def epochs_in(path: Path) -> list[str]:
    return [line.partition(",")[0] for line in path.read_text().splitlines()]


@pytest.mark.parametrize("append", [False, True])
@pytest.mark.parametrize("tail", ["", "1,0.25,0.25", "1,0."])
def test_csv_has_each_epoch_once_after_any_number_of_kills(
    append: bool, tail: str, tmp_path: Path
) -> None:
    x, y, path = np.eye(4, dtype="f"), np.arange(4) % 2, tmp_path / "log.csv"

    def train(epochs: int, checkpoint: str) -> None:
        model = nn.Sequential([nn.Dense(2, "softmax")], seed=0)
        model.compile()
        log = CSVLogger(path, append=append)
        place = tmp_path / checkpoint
        model.fit(x, y, epochs=epochs, callbacks=[log], checkpoint=place, resume=True, verbose=0)

    for attempt in range(3):  # killed after the row, before the checkpoint
        train(1, f"lost{attempt}")
    train(1, "kept")
    with open(path, "a") as file:
        file.write("1,0.5\n" * (tail == "") + tail)
    train(3, "kept")
    assert epochs_in(path) == ["epoch", "0", "1", "2"]


def test_csv_keeps_the_rows_of_earlier_trainings(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    path.write_text("epoch,loss\n0,5.0\n1,4.0\n2,3.0\n0,5.0\n1,4.0\n")
    log = CSVLogger(path, append=True)
    log.set_params({"resume": True})
    log.on_train_begin({})
    log.on_epoch_begin(1, {})
    log.on_epoch_end(1, {"loss": 2.0})
    assert epochs_in(path) == ["epoch", "0", "1", "2", "0", "1"]
    assert path.read_text().endswith("0,5.0\n1,2.0\n")


# ProgressBar


def show(callbacks: list[Callback], params: dict[str, Any] = PARAMS) -> None:
    """Two epochs of four batches."""
    with CallbackList(callbacks, FakeModel(), params) as every:
        every.on_train_begin({})
        for epoch in range(2):
            every.on_epoch_begin(epoch, {})
            for batch in (2, 4):
                every.on_progress(batch, {"loss": 0.25, "accuracy": 0.5})
            logs = {"loss": 0.25, "accuracy": 0.5, "val_accuracy": 0.75, "learning_rate": 1e-5}
            every.on_epoch_end(epoch, logs)
        every.on_train_end({})


LINE = (
    r"epoch {}/5  loss 0\.2500  accuracy 0\.5000  val_accuracy 0\.7500  learning_rate 1\.00e-05"
    r"  [\d,]+ images/s  \d+\.\d\d s"
)


@pytest.mark.parametrize("verbose", [1, 2])
def test_a_plain_line_an_epoch_without_a_terminal(verbose: int, capsys: Any) -> None:
    show([ProgressBar(verbose)])
    out, err = capsys.readouterr()
    first, second = out.splitlines()
    assert re.fullmatch(LINE.format(1), first)
    assert re.fullmatch(LINE.format(2), second)
    assert err == ""


def test_silence(capsys: Any) -> None:
    show([ProgressBar(0)])
    assert capsys.readouterr() == ("", "")


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """Half a second goes by between two looks at the clock."""
    fake = SimpleNamespace(perf_counter=itertools.count(0.0, 0.5).__next__)
    monkeypatch.setattr("nnaccel.training.callbacks.progress_bar.time", fake)


@pytest.mark.parametrize(
    ("change", "rate"),
    [
        ({}, "30 images/s"),  # 4 batches of 8, of which there are but 30 images, in 2 * 0.5 s
        ({"samples": None, "steps": None}, "32 images/s"),
        ({"samples": None, "steps": None, "batch_size": None}, "4.0 batches/s"),
    ],
)
def test_the_rate_leaves_out_the_validation(
    change: dict[str, Any], rate: str, clock: None, capsys: Any
) -> None:
    show([ProgressBar(2)], PARAMS | change)
    assert f"  {rate}  1.50 s" in capsys.readouterr().out


def terminal(width: int = 120) -> Console:
    return Console(file=io.StringIO(), force_terminal=True, width=width, color_system=None)


def test_a_bar_on_a_terminal(clock: None) -> None:
    console = terminal()
    show([ProgressBar(console=console)])
    text = console.file.getvalue()
    assert re.search(r"epoch 1/5 ━+ +loss 0\.2500  accuracy 0\.5000  30 images/s", text)
    for epoch in (1, 2):
        assert re.search(LINE.format(epoch) + "\n", text)
    assert_sane(text)


def assert_sane(text: str) -> None:
    """The cursor is back, and the bar's line is erased."""
    assert text.rfind("\x1b[?25h") > text.rfind("\x1b[?25l") >= 0
    assert text.endswith("\x1b[2K")


def test_an_interrupted_bar_leaves_the_terminal_sane() -> None:
    console = terminal()
    bar = ProgressBar(console=console)

    def interrupt(batch: int, logs: Any) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        show([bar, LambdaCallback(on_progress=interrupt)])
    assert_sane(console.file.getvalue())
    show([bar])  # and another training can follow
    assert_sane(console.file.getvalue())


def test_lines_only_on_a_terminal(capsys: Any) -> None:
    console = terminal()
    show([ProgressBar(2, console)])
    assert console.file.getvalue() == ""
    assert len(capsys.readouterr().out.splitlines()) == 2


# Errors


@pytest.mark.parametrize(
    "callback",
    [EarlyStopping(), ReduceLROnPlateau(), ModelCheckpoint("m", save_best_only=True)],
    ids=lambda callback: type(callback).__name__,
)
def test_a_monitor_that_is_not_logged(callback: Callback) -> None:
    callback.set_model(FakeModel())
    with pytest.raises(ValueError, match=r"monitor 'val_loss'.*'loss'.*validation_data"):
        callback.on_epoch_end(0, {"loss": 1.0})


@pytest.mark.parametrize(
    ("name", "logged", "words"),
    [
        ("val_acc", ["val_loss"], r"metrics=\['accuracy'\] and monitor 'val_accuracy'$"),
        ("accuracy", [], r"To fix: compile with metrics=\['accuracy'\]$"),
        ("val_accuracy", [], r"metrics=\['accuracy'\] and give fit validation_data$"),
        ("val_accuracy", ["accuracy"], "there are 'loss', 'accuracy'. To fix: give fit validation"),
        ("val_acc", ["accuracy", "val_loss", "val_accuracy"], "Did you mean 'val_accuracy'"),
    ],
)
def test_what_to_give_for_a_monitor(name: str, logged: list[str], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        EarlyStopping(name).on_epoch_end(0, dict.fromkeys(["loss", *logged], 1.0))


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: EarlyStopping(mode="mn"), "Did you mean 'min'"),
        (lambda: EarlyStopping("my_score"), "say whether 'my_score' should fall or rise"),
        (lambda: EarlyStopping(patience=-1), "patience=-1"),
        (lambda: EarlyStopping(min_delta=-0.1), "min_delta=-0.1"),
        (lambda: ReduceLROnPlateau(factor=1.0), r"factor=1\.0 must lie between 0 and 1"),
        (lambda: ReduceLROnPlateau(cooldown=-1), "cooldown=-1"),
        (lambda: ReduceLROnPlateau(min_lr=NAN), "min_lr=nan"),
        (lambda: ModelCheckpoint("m", every=0), "every=0"),
        (lambda: ProgressBar(3), "verbose=3"),
        (lambda: fit([1], ModelCheckpoint("{val_los}")), "Did you mean 'val_loss'"),
    ],
)
def test_errors_in_words(make: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        make()


@pytest.mark.parametrize("path", ["run{1}", "{}", "{loss:d}", "a{", "b}", "{epoch:%}x{"])
def test_a_path_that_cannot_be_filled_in_is_refused_at_once(path: str) -> None:
    with pytest.raises(ValueError, match=r"To fix: name a logged number, as in \{epoch\}"):
        ModelCheckpoint(path)
    ModelCheckpoint("{{literal}}-{epoch:03d}-{val_loss:.3f}")


def test_a_misspelt_monitor_gets_the_nearest_match() -> None:
    for name, near in (("val_los", "val_loss"), ("accurcy", "accuracy")):
        with pytest.raises(ValueError, match=f"did you mean '{near}'"):
            EarlyStopping(name)


def test_a_log_that_is_deleted_is_begun_anew(tmp_path: Path) -> None:
    log = CSVLogger(tmp_path / "log.csv")
    log.on_train_begin({})
    log.on_epoch_end(0, {"loss": 1.0})
    log.path.unlink()
    assert log.state() == {"columns": 2}
    log.on_epoch_end(1, {"loss": 0.5})
    assert log.path.read_text() == "epoch,loss\n1,0.5\n"
