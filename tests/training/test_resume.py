"""A training killed at any moment, and taken up again, ends where it would have ended."""

from __future__ import annotations

import json
import os
import runpy
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nnaccel import CheckpointError, optim
from nnaccel.layers import Dense, Dropout
from nnaccel.model.loading import load
from nnaccel.model.sequential import Sequential
from nnaccel.optim import schedules
from nnaccel.training import checkpoint
from nnaccel.training.callbacks import EarlyStopping, LambdaCallback, ReduceLROnPlateau

from ..processes import ON_PATH

EPOCHS = 8


def problem() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    y = rng.integers(3, size=60)
    return (rng.normal(size=(60, 5)) + np.eye(5)[y]).astype("float32"), y


def classifier(optimizer: Any = "adam", seed: int | None = 0, units: int = 8) -> Sequential:
    layers = [Dense(units, "tanh"), Dropout(0.3), Dense(3, "softmax")]
    model = Sequential(layers, seed=seed)
    model.compile(optimizer=optimizer, metrics=["accuracy"])
    return model


def momentum() -> Any:
    return classifier(optim.SGD(0.1, momentum=0.9)), []


def scheduled() -> Any:
    return classifier(optim.Adam(schedules.CosineDecay(0.01, decay_steps=60))), []


def watched() -> Any:
    reducing = ReduceLROnPlateau(factor=0.5, patience=1, min_delta=0.01)
    return classifier(optim.RMSprop(0.05)), [EarlyStopping(patience=4), reducing]


def train(model: Sequential, callbacks: list[Any], **settings: Any) -> dict[str, list[float]]:
    settings = {"epochs": EPOCHS, "batch_size": 8, "validation_split": 0.3, **settings}
    return model.fit(*problem(), callbacks=callbacks, verbose=0, **settings).history


def breaking(epoch: int, batch: int) -> LambdaCallback:
    """Ctrl-C in the middle of an epoch."""
    count = [0]

    def stop(*_: Any) -> None:
        count[0] += 1
        if count[0] == epoch * 6 + batch:
            raise KeyboardInterrupt

    return LambdaCallback(on_train_batch_end=stop)


def assert_equal(ours: Sequential, theirs: Sequential) -> None:
    (arrays, described), (others, other) = ours.state(), theirs.state()
    assert described == other
    assert arrays.keys() == others.keys()
    for name, array in arrays.items():
        np.testing.assert_array_equal(array, others[name], err_msg=name)


@pytest.mark.parametrize("make", [momentum, scheduled, watched])
@pytest.mark.parametrize("place", [(0, 3), (1, 1), (3, 5)])
def test_interrupted_and_resumed(
    make: Any, place: tuple[int, int], tmp_path: Path, backend: Any
) -> None:
    whole, callbacks = make()
    history = train(whole, callbacks)
    path = tmp_path / "m.safetensors"
    broken, callbacks = make()
    with pytest.raises(KeyboardInterrupt):
        train(broken, [*callbacks, breaking(*place)], checkpoint=path)
    assert path.exists() == (place[0] > 0)
    resumed, callbacks = make()
    assert train(resumed, callbacks, checkpoint=path, resume=True) == history
    assert_equal(resumed, whole)
    assert_equal(load(path), whole)


def test_a_random_seed_comes_back_too(tmp_path: Path) -> None:
    path = tmp_path / "m"
    model = classifier(seed=None)
    whole = classifier(seed=model.seed)
    train(whole, [])
    with pytest.raises(KeyboardInterrupt):
        train(model, [breaking(2, 2)], checkpoint=path)
    other = classifier(seed=None)
    assert other.seed != model.seed
    train(other, [], checkpoint=path, resume=True)
    assert_equal(other, whole)


def test_resuming_trains_what_was_loaded(tmp_path: Path) -> None:
    """Neither the optimiser nor its state is the one from before."""
    path, (model, callbacks) = tmp_path / "m", watched()
    train(model, callbacks, epochs=2, checkpoint=path)
    again, callbacks = watched()
    given = again.optimizer
    train(again, callbacks, epochs=3, checkpoint=path, resume=True)
    assert again.optimizer is not given
    assert again.iterations[0] == 3 * 6
    assert checkpoint.read(path)[1]["iterations"] == 3 * 6


def test_more_epochs_than_first_asked_for(tmp_path: Path, backend: Any) -> None:
    whole, _ = scheduled()
    history = train(whole, [])
    path, (model, _) = tmp_path / "m", scheduled()
    train(model, [], epochs=3, checkpoint=path)
    again, _ = scheduled()
    assert train(again, [], checkpoint=path, resume=True) == history
    assert_equal(again, whole)


def test_a_finished_training_stays_as_it_is(tmp_path: Path) -> None:
    for number, make in enumerate((scheduled, watched)):
        path, (model, callbacks) = tmp_path / str(number), make()
        history = train(model, callbacks, checkpoint=path)
        before = path.read_bytes()
        again, callbacks = make()
        assert train(again, callbacks, checkpoint=path, resume=True) == history
        assert_equal(again, model)
        assert path.read_bytes() == before


def test_one_that_stopped_early_stays_stopped(tmp_path: Path) -> None:
    def stopping() -> list[Any]:
        return [EarlyStopping(monitor="loss", min_delta=1e9, patience=2)]

    path, model = tmp_path / "m", classifier()
    history = train(model, stopping(), checkpoint=path)
    assert len(history["loss"]) == 3
    again = classifier()
    assert train(again, stopping(), checkpoint=path, resume=True) == history
    assert_equal(again, model)


def test_one_that_is_over_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path, settings = tmp_path / "m", {"batch_size": 8, "verbose": 2, "resume": True}
    classifier().fit(*problem(), epochs=2, checkpoint=path, **settings)
    assert "already" not in capsys.readouterr().out
    classifier().fit(*problem(), epochs=2, checkpoint=path, **settings)
    told = capsys.readouterr().out
    assert told == "already trained for 2 epochs: give a larger epochs to go on\n"
    stop = [EarlyStopping("loss", min_delta=1e9, patience=1)]
    classifier().fit(*problem(), epochs=9, checkpoint=path, callbacks=stop, **settings)
    capsys.readouterr()
    classifier().fit(*problem(), epochs=9, checkpoint=path, callbacks=stop, **settings)
    told = capsys.readouterr().out
    assert told == "already trained for 4 epochs, after which a callback stopped the training\n"
    classifier().fit(*problem(), epochs=2, checkpoint=path, **{**settings, "verbose": 0})
    assert not capsys.readouterr().out


def test_without_a_file_it_starts_anew(tmp_path: Path) -> None:
    path, model, plain = tmp_path / "m", classifier(), classifier()
    history = train(model, [], checkpoint=path, resume=True)
    assert history == train(plain, [])
    assert_equal(load(path), plain)
    without = classifier()
    assert train(without, [], checkpoint=path) == history  # the file is not looked at


def test_a_model_file_is_resumed_after_the_epochs_it_has_had(tmp_path: Path) -> None:
    path, model = tmp_path / "m", classifier()
    train(model, [], epochs=2)
    model.save(path)
    again = classifier()
    history = train(again, [], epochs=3, checkpoint=path, resume=True)
    assert len(history["loss"]) == 1
    assert again.epochs == 3


OTHERS = {
    "layers": lambda: classifier(units=9),
    "optimizer": lambda: classifier("sgd"),
    "another setting": lambda: classifier(optim.Adam(beta_1=0.8)),
}


@pytest.mark.parametrize("other", OTHERS)
def test_another_training_is_refused(other: str, tmp_path: Path) -> None:
    path = tmp_path / "m"
    train(classifier(), [], epochs=1, checkpoint=path)
    before, model = path.read_bytes(), OTHERS[other]()
    model.build((5,))
    weights = model.weights.copy()
    with pytest.raises(
        CheckpointError, match=r"another training: its (layers differ|optimizer differs)\."
    ):
        train(model, [], checkpoint=path, resume=True)
    np.testing.assert_array_equal(model.weights, weights)
    assert model.iterations[0] == 0
    assert path.read_bytes() == before


def test_another_loss_metric_shape_or_dtype_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "m"
    train(classifier(), [], epochs=1, checkpoint=path)
    model = classifier()
    model.compile("mse", "adam", ["accuracy"])
    with pytest.raises(CheckpointError, match="its loss differs"):
        train(model, [], checkpoint=path, resume=True)
    model.compile(optimizer="adam")
    with pytest.raises(CheckpointError, match=r"its metrics differ\."):
        train(model, [], checkpoint=path, resume=True)
    x, y = problem()
    with pytest.raises(CheckpointError, match="its input_shape differs"):
        classifier().fit(x[:, :4], y, checkpoint=path, resume=True, verbose=0)
    double = Sequential(classifier().layers, seed=0, dtype="float64")
    double.compile(optimizer="adam", metrics=["accuracy"])
    with pytest.raises(CheckpointError, match="its dtype differs"):
        train(double, [], checkpoint=path, resume=True)


@pytest.mark.parametrize(
    "training",
    [
        3,
        [1],
        {"callbacks": {}},
        {"next_epoch": "x", "stop": False, "callbacks": {}},
        {"next_epoch": -1, "stop": False, "callbacks": {}},
        {"next_epoch": 1, "stop": False, "callbacks": 5},
        {"next_epoch": 1, "stop": False, "callbacks": {"History": {"epoch": 3}}},
        {"next_epoch": 1, "stop": False, "callbacks": {"EarlyStopping": {"best": 3}}},
    ],
)
def test_hostile_states_of_training(training: Any, tmp_path: Path) -> None:
    path = tmp_path / "m"
    train(classifier(), [EarlyStopping()], epochs=1, checkpoint=path)
    arrays, described = checkpoint.read(path)
    arrays = {name: a for name, a in arrays.items() if not name.startswith("callbacks")}
    checkpoint.write(path, arrays, {**described, "training": training})
    model = classifier()
    with pytest.raises(CheckpointError, match=r"not a whole model file|must (be|hold)"):
        train(model, [EarlyStopping()], checkpoint=path, resume=True)
    train(model, [EarlyStopping()])


# Killed

SCRIPT = """
import sys
import numpy as np
from nnaccel import Callback, Dense, Dropout, EarlyStopping, ReduceLROnPlateau, Sequential
from nnaccel import optim, schedules, use_backend

kind, path = sys.argv[1:]

class Tell(Callback):
    def on_epoch_begin(self, epoch, logs):
        print(epoch, flush=True)

optimizer, callbacks = {
    "momentum": lambda: (optim.SGD(0.05, momentum=0.9), []),
    "adam": lambda: (optim.Adam(schedules.CosineDecay(0.002, decay_steps=1000)), []),
    "watched": lambda: (
        optim.RMSprop(0.002),
        [EarlyStopping(patience=12), ReduceLROnPlateau(factor=0.5, patience=2)],
    ),
}[kind]()
rng = np.random.default_rng(0)
y = rng.integers(10, size=8000)
x = rng.normal(size=(8000, 40)) + 2 * np.eye(40)[y]
with use_backend("numba"):
    model = Sequential([Dense(64, "relu"), Dropout(0.2), Dense(10, "softmax")], seed=0)
    model.compile(optimizer=optimizer, metrics=["accuracy"])
    model.fit(x, y, epochs=14, batch_size=16, validation_split=0.1, verbose=0,
              callbacks=[*callbacks, Tell()], checkpoint=path, resume=True)
"""


def kill_in_epoch(epoch: int, script: Path, *arguments: str) -> None:
    """Run the script in a process, and kill that within 20 ms of the beginning of an epoch.

    A fast machine may by then be epochs further, or at the end, which is as good a moment.
    """
    environment = os.environ | ON_PATH
    command = [sys.executable, str(script), *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if int(line) >= epoch:
                break
        time.sleep(np.random.default_rng().uniform(0, 0.02))
        process.kill()
    assert process.returncode in (0, -signal.SIGKILL)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGKILL")
@pytest.mark.parametrize("kind", ["momentum", "adam", "watched"])
def test_killed_at_any_moment(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script = tmp_path / "script.py"
    script.write_text(SCRIPT, "utf-8")
    whole, path = str(tmp_path / "whole.safetensors"), str(tmp_path / "killed.safetensors")
    for epoch in (1, 6):
        kill_in_epoch(epoch, script, kind, path)
        assert checkpoint.read(path)[1]["epochs"] >= epoch
    for file in (whole, path):
        monkeypatch.setattr(sys, "argv", [str(script), kind, file])
        runpy.run_path(str(script))
    (ours, described), (theirs, expected) = checkpoint.read(path), checkpoint.read(whole)
    assert json.dumps(described, sort_keys=True) == json.dumps(expected, sort_keys=True)
    assert ours.keys() == theirs.keys()
    for name, array in theirs.items():
        np.testing.assert_array_equal(ours[name], array, err_msg=name)


def test_differences_are_told_with_what_holds(tmp_path: Path) -> None:
    path, x, y = tmp_path / "run.safetensors", np.eye(6, dtype="float32"), np.arange(6) % 2

    def fit(epochs: int, rate: float = 1e-3, batch: int = 2, rows: int = 6, **more: Any) -> Any:
        model = Sequential([Dense(2, "softmax")], seed=0)
        model.compile(optimizer=optim.Adam(rate))
        settings: Any = {"checkpoint": path, "resume": True, "verbose": 0, **more}
        model.fit(x[:rows], y[:rows], epochs=epochs, batch_size=batch, **settings)
        return model

    fit(1)
    with pytest.warns(UserWarning, match=r"learning rate was 0.001, not 1e-05: that of the file"):
        assert fit(2, rate=1e-5).optimizer.learning_rate == 1e-3
    with pytest.warns(UserWarning, match="batch size was 2, not 3: the new one is used"):
        fit(3, batch=3)
    with pytest.warns(UserWarning, match="number of rows was 6, not 4"):
        fit(4, batch=3, rows=4)
    with pytest.warns(UserWarning, match=r"class weight was 'None', not \{1: 2.0\}"):
        fit(5, batch=3, rows=4, class_weight={1: 2.0})
    with pytest.warns(UserWarning, match="shuffle was True, not False"):
        fit(6, batch=3, rows=4, class_weight={1: 2.0}, shuffle=False)


def test_restored_weights_do_not_change_a_longer_training(tmp_path: Path) -> None:
    """The best weights are in the file, and beside them those that training goes on from."""
    rng, path = np.random.default_rng(0), tmp_path / "run.safetensors"
    x, y = rng.normal(size=(40, 5)).astype("float32"), rng.integers(2, size=40)

    def fit(epochs: int, **settings: Any) -> Sequential:
        model = Sequential([Dense(16, "relu"), Dense(2, "softmax")], seed=0)
        model.compile(optimizer=optim.SGD(0.8, momentum=0.9))
        stop = EarlyStopping("loss", patience=100, restore_best_weights=True)
        model.fit(x, y, epochs=epochs, batch_size=4, callbacks=[stop], verbose=0, **settings)
        return model

    fit(7, checkpoint=path)
    resumed = fit(12, checkpoint=path, resume=True)
    np.testing.assert_array_equal(resumed.weights, fit(12).weights)


def test_a_refused_file_changes_nothing() -> None:
    x, y = np.eye(6, dtype="float32"), np.arange(6) % 2
    model = Sequential([Dense(2, "softmax")], seed=0)
    model.compile(optimizer="adam")
    model.fit(x, y, verbose=0)
    arrays, described = model.state()
    arrays["dense.w"] = arrays["dense.w"][:3]
    before = model.optimizer, model.get_weights(), model._slots.copy(), int(model.iterations[0])
    with pytest.raises(ValueError, match=r"dense\.w has shape"):
        model.load_state(arrays, described)
    assert model.optimizer is before[0]
    assert int(model.iterations[0]) == before[3]
    np.testing.assert_array_equal(model._slots, before[2])
    for now, was in zip(model.get_weights(), before[1], strict=True):
        np.testing.assert_array_equal(now, was)


def test_a_file_that_cannot_be_written_is_told_before_training(tmp_path: Path) -> None:
    model = Sequential([Dense(2, "softmax")], seed=0)
    model.compile()
    with pytest.raises(OSError, match="no regular file"):
        model.fit(np.eye(4), [0, 1, 0, 1], checkpoint=tmp_path, verbose=0)
    assert not model.built
