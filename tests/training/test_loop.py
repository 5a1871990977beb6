"""The training loop: callbacks, streams, bad input, divergence, interruption."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nnaccel.backends import to_numpy
from nnaccel.layers import Dense, Dropout, Layer
from nnaccel.model.loading import load
from nnaccel.model.sequential import Sequential
from nnaccel.optim import SGD, Adam
from nnaccel.optim.schedules import ExponentialDecay
from nnaccel.training.batch_loader import BatchLoader
from nnaccel.training.callbacks import Callback, EarlyStopping, LambdaCallback, ReduceLROnPlateau
from nnaccel.training.checkpoint import read
from nnaccel.training.divergence import DivergenceError

from .ctrl_c import interrupt_fit, not_on_windows


def classifier(optimizer: Any = "adam", seed: int = 0) -> Sequential:
    layers = [Dense(8, "tanh"), Dropout(0.1), Dense(3, "softmax")]
    model = Sequential(layers, seed=seed)
    model.compile(optimizer=optimizer, metrics=["accuracy"])
    return model


def problem(rows: int = 30, features: int = 4) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    y = rng.integers(3, size=rows)
    return (rng.normal(size=(rows, features)) + 2 * np.eye(features)[y]).astype("float32"), y


def batches_of(x: Any, y: Any, size: int) -> list[tuple[Any, Any]]:
    return [(x[i : i + size], y[i : i + size]) for i in range(0, len(x), size)]


def everything(model: Sequential) -> dict[str, Any]:
    """All that training may change."""
    arrays, described = model.state()
    return {**{name: a.tolist() for name, a in arrays.items()}, **described}


# Callbacks


class Recorder(Callback):
    def __init__(self) -> None:
        self.events: list[Any] = []

    def on_train_batch_begin(self, batch: int, logs: Any) -> None:
        self.events.append(("begin", batch))

    def on_train_batch_end(self, batch: int, logs: Any) -> None:
        self.events.append(("end", batch))
        assert set(logs) == {"loss", "accuracy"}

    def on_epoch_end(self, epoch: int, logs: Any) -> None:
        self.events.append(("epoch", epoch))


@pytest.mark.parametrize("rows", [24, 30, 5])
@pytest.mark.parametrize("form", ["arrays", "list", "iterator"])
def test_batch_callbacks_see_every_batch_once(rows: int, form: str, backend: Any) -> None:
    x, y = problem(rows)
    recorder, model = Recorder(), classifier()
    given: Any = {"arrays": x, "list": batches_of(x, y, 8), "iterator": Endless(x, y)}[form]
    settings: Any = {"y": y, "batch_size": 8} if form == "arrays" else {}
    model.fit(given, epochs=2, callbacks=[recorder], verbose=0, **settings)
    epoch = [(what, n) for n in range(-(-rows // 8)) for what in ("begin", "end")]
    assert recorder.events == [*epoch, ("epoch", 0), *epoch, ("epoch", 1)]


class Endless:
    """Batches of 8 whose number is not told, anew in every epoch."""

    def __init__(self, x: Any, y: Any) -> None:
        self.batches = batches_of(x, y, 8)

    def __iter__(self) -> Iterator[Any]:
        return iter(self.batches)


def test_watching_batches_changes_nothing(backend: Any) -> None:
    watched, free = classifier(), classifier()
    watched.fit(*problem(), epochs=3, batch_size=4, callbacks=[Recorder()], verbose=0)
    free.fit(*problem(), epochs=3, batch_size=4, verbose=0)
    assert everything(watched) == everything(free)


def test_params_tell_the_sizes() -> None:
    recorder = Recorder()
    classifier().fit(*problem(), epochs=2, batch_size=8, callbacks=[recorder], verbose=0)
    sizes = {"epochs": 2, "steps": 4, "samples": 30, "batch_size": 8, "verbose": 0}
    sizes["resume"] = False
    assert recorder.params == sizes
    classifier().fit(Endless(*problem()), callbacks=[recorder], verbose=0)
    unknown = {"steps": None, "samples": None, "batch_size": None}
    assert recorder.params == {**sizes, **unknown, "epochs": 1}


def test_a_learning_rate_set_between_batches_counts_at_once(backend: Any) -> None:
    class Freeze(Callback):
        def on_train_batch_begin(self, batch: int, logs: Any) -> None:
            if batch == 1:
                self.model.optimizer.learning_rate = 0.0

    x, y = problem(24)
    model = classifier(SGD(0.1))
    model.fit(x, y, batch_size=8, shuffle=False, callbacks=[Freeze()], verbose=0)
    once = classifier(SGD(0.1))
    once.fit(x[:8], y[:8], batch_size=8, shuffle=False, verbose=0)
    np.testing.assert_array_equal(model.weights, once.weights)


def test_early_stopping_restores_the_best(backend: Any) -> None:
    x, y = problem(60)
    seen = []
    model = classifier(SGD(0.5))
    keep = LambdaCallback(on_epoch_end=lambda *_: seen.append(model.get_weights()))
    stopping = EarlyStopping(patience=2)
    history = model.fit(
        x,
        np.roll(y, 7),  # nothing to learn, so validation soon gets worse
        epochs=50,
        validation_split=0.5,
        callbacks=[keep, stopping],
        verbose=0,
    )
    losses = history.history["val_loss"]
    assert len(losses) == len(seen) < 50
    assert model.stop_training
    for ours, best in zip(model.get_weights(), seen[int(np.argmin(losses))], strict=True):
        np.testing.assert_array_equal(ours, best)


def test_reduced_learning_rates_take_effect(backend: Any) -> None:
    x, y = problem()
    model = classifier(SGD(0.5))
    reducing = ReduceLROnPlateau(monitor="loss", factor=0.1, patience=1, min_delta=1e9)
    history = model.fit(x, y, epochs=3, callbacks=[reducing], shuffle=False, verbose=0).history
    assert history["learning_rate"] == pytest.approx([0.5, 0.5, 0.05])

    by_hand = classifier(SGD(0.5))
    by_hand.fit(x, y, epochs=2, shuffle=False, verbose=0)
    by_hand.optimizer.learning_rate = 0.05
    by_hand.fit(x, y, epochs=3, initial_epoch=2, shuffle=False, verbose=0)
    np.testing.assert_array_equal(model.weights, by_hand.weights)


def test_schedules_run_over_steps(backend: Any) -> None:
    """SGD on a gradient that is always 1 moves by the sum of the learning rates."""

    class Shift(Layer):
        def parameter_specs(self, input_shape: Any) -> Any:
            return {"w": ((1,), lambda shape, rng: np.zeros(shape))}

        def infer_shape(self, input_shape: Any) -> Any:
            return input_shape

        def forward(self, x: Any, training: bool = False, activate: bool = True) -> Any:
            def backward(dy: Any, _: bool) -> None:
                self.grads["w"][...] = 1

            return x + 0 * self.params["w"], backward

    model = Sequential([Shift()], seed=0, dtype="float64")
    schedule = ExponentialDecay(0.1, decay_steps=5, decay_rate=0.5)
    model.compile(loss="mse", optimizer=SGD(schedule))
    x = np.zeros((7, 1))
    for epochs in (2, 1):
        model.fit(x, x, batch_size=2, epochs=epochs, verbose=0)
    assert model.get_weights()[0] == pytest.approx(-schedule(np.arange(12)).sum())


def test_fit_twice_goes_on(backend: Any) -> None:
    x, y = problem()
    once, twice = classifier(), classifier()
    once.fit(x, y, epochs=3, verbose=0)
    twice.fit(x, y, epochs=1, verbose=0)
    twice.fit(x, y, epochs=3, initial_epoch=1, verbose=0)
    assert everything(once) == everything(twice)
    history = twice.fit(x, y, epochs=2, initial_epoch=5, verbose=0)
    assert history.epoch == []


def test_a_model_in_training_is_left_alone() -> None:
    x, y = problem()
    model = classifier()
    said = []

    def meddle(*_: Any) -> None:
        assert model.evaluate(x, y)
        assert model.predict(x).shape == (30, 3)
        calls = (
            lambda: model.fit(x, y, verbose=0),
            lambda: model.to("numpy"),
            lambda: model.compile(),
        )
        for call in calls:
            with pytest.raises(RuntimeError, match=r"is being trained: call \w+ when fit has"):
                call()
            said.append(True)

    model.fit(x, y, callbacks=[LambdaCallback(on_epoch_end=meddle)], verbose=0)
    assert len(said) == 3
    model.compile()


# A layer of one's own


def test_plain_array_code_trains_like_the_real_thing(backend: Any) -> None:
    class MyDense(Layer):
        def __init__(self, units: int) -> None:
            super().__init__("dense")
            self.units = units

        def parameter_specs(self, input_shape: Any) -> Any:
            return Dense(self.units).parameter_specs(input_shape)

        def infer_shape(self, input_shape: Any) -> Any:
            return (self.units,)

        def forward(self, x: Any, training: bool = False, activate: bool = True) -> Any:
            def backward(dy: Any, input_gradient: bool) -> Any:
                self.grads["w"][...] = x.T @ dy
                self.grads["b"][...] = dy.sum(axis=0)
                return dy @ self.params["w"].T if input_gradient else None

            return x @ self.params["w"] + self.params["b"], backward

    losses = []
    for kind in (Dense, MyDense):
        model = Sequential([Dense(6, "relu"), kind(5), Dense(3, "softmax")], seed=0)
        model.compile(optimizer="adam")
        losses.append(model.fit(*problem(), epochs=5, batch_size=7, verbose=0).history["loss"])
    np.testing.assert_allclose(losses[0], losses[1], rtol=1e-5)


# Streams


@pytest.mark.parametrize("built", [True, False])
def test_streams_train_like_arrays(built: bool, backend: Any) -> None:
    x, y = problem()
    reference = classifier()
    reference.fit(x, y, epochs=2, batch_size=8, shuffle=False, verbose=0)
    for stream in (batches_of(x, y, 8), Endless(x, y)):
        model = classifier()
        if built:
            model.build((4,))
        history = model.fit(stream, epochs=2, verbose=0)
        assert len(history.history["loss"]) == 2
        assert everything(model) == everything(reference)


@pytest.mark.parametrize("built", [True, False])
def test_a_generator_lasts_one_epoch(built: bool, backend: Any) -> None:
    x, y = problem()
    reference, model = classifier(), classifier()
    reference.fit(batches_of(x, y, 8), verbose=0)
    if built:
        model.build((4,))
    model.fit(iter(batches_of(x, y, 8)), verbose=0)
    assert everything(model) == everything(reference)
    with pytest.raises(ValueError, match="a generator runs only once"):
        classifier().fit(iter(batches_of(x, y, 8)), epochs=2, verbose=0)


def test_batches_of_many_sizes(backend: Any) -> None:
    x, y = problem(300)
    ends = np.cumsum(np.arange(1, 24))
    batches = [(x[a:b], y[a:b]) for a, b in itertools.pairwise(ends)]
    model = classifier()
    history = model.fit(batches, epochs=4, verbose=0)
    assert model.iterations[0] == 4 * 22
    assert history.history["loss"][-1] < history.history["loss"][0]


def test_streams_mix_dtypes_and_targets(backend: Any) -> None:
    x, y = problem(16)
    numbers = np.abs(x).astype("uint8")  # a table: no pixels
    mixed = [(x, y), (numbers, y), (x, np.eye(3)[y]), (x.tolist(), y.tolist()), (x * 2, y)]
    plain = [(x, y), (numbers.astype("float32"), y), (x, y), (x, y)]
    ours, theirs = classifier(), classifier()
    ours.fit(mixed, verbose=0)
    theirs.fit([*plain, (x * 2, y)], verbose=0)
    np.testing.assert_array_equal(ours.weights, theirs.weights)


@pytest.mark.parametrize(
    ("stream", "message"),
    [
        ([], "is empty"),
        (iter([]), "is empty"),
        (5, "y is missing"),
        (problem()[0], "y is missing"),
        ([problem(), 3], r"batch 2 is of type int; expected \(x, y\) or"),
        ([problem()[0]], r"batch 1 is of type ndarray; expected \(x, y\) or"),
        ([problem(), (*problem(), 1)], r"batch 2: sample_weight has shape \(\)"),
        ([problem(), problem(features=5)], "batch 2: inputs have shape"),
        ([problem(), (problem()[0], [0])], "batch 2: 30 inputs but targets"),
    ],
)
def test_wrong_streams(stream: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        classifier().fit(stream, verbose=0)


# Bad input changes nothing

X, Y = problem()


def with_value(value: float) -> np.ndarray:
    x = X.copy()
    x[17, 2] = value
    return x


BAD: list[tuple[Any, Any, dict[str, Any], str]] = [
    (with_value(np.nan), Y, {}, "NaN or infinity, first in row 17"),
    (with_value(-np.inf).astype("float16"), Y, {}, "NaN or infinity, first in row 17"),
    (X[0], Y, {}, r"shape \(4,\).* To fix: x\[None\], a batch of one, or x\[:, None\], a column$"),
    (3.0, Y, {}, r"shape \(\)"),
    (X[:0], Y[:0], {}, "nothing to train on"),
    (X[:, :0], Y, {}, "nothing to train on"),
    (X[:, :3], Y, {}, r"\(3,\) each, but the model was built for \(4,\)$"),
    (X[:1].reshape(2, 2), Y[:2], {}, r"built for \(4,\). To fix: x\[None\], a batch of one$"),
    (X.astype(str), Y, {}, "expected numbers"),
    (X.astype(str).astype(object) + "x", Y, {}, "expected numbers"),
    (X.astype("complex64"), Y, {}, "expected numbers"),
    (X, Y[:-1], {}, r"30 inputs but targets of shape \(29,\)"),
    (X, 1, {}, "they must pair up"),
    (X, Y + 1, {}, "labels run from 1 to 3"),
    (X, Y - 1, {}, "labels run from -1 to 1"),
    (X, Y + 0.5, {}, "whole-numbered"),
    (X, np.where(Y > 0, Y, np.nan), {}, "NaN"),
    (X, Y.astype(str), {}, "map names to 0, 1"),
    (X, np.eye(4)[Y], {}, r"\(N, 3\)"),
    (X, np.eye(3)[Y] * 2, {}, "between 0 and 1"),
    (X, np.full((30, 3), np.nan), {}, "NaN"),
    (X, Y, {"batch_size": 0}, "batch_size=0 must be a whole number of at least 1"),
    (X, Y, {"batch_size": 8.0}, "batch_size=8.0 must be"),
    (X, Y, {"batch_size": None}, "batch_size=None must be"),
    (X, Y, {"epochs": -1}, "epochs=-1 must be"),
    (X, Y, {"epochs": True}, "epochs=True must be"),
    (X, Y, {"initial_epoch": -1}, "initial_epoch=-1 must be"),
    (X, Y, {"verbose": 7}, "verbose=7"),
    (X, Y, {"resume": True}, "needs the path"),
    (X, Y, {"validation_data": (X, Y + 9)}, "labels run from"),
]


@pytest.mark.parametrize(("x", "y", "settings", "message"), BAD, ids=[b[3][:25] for b in BAD])
def test_bad_input_changes_nothing(x: Any, y: Any, settings: Any, message: str) -> None:
    model = classifier()
    model.fit(X, Y, verbose=0)
    before = everything(model)
    history = model.history
    with pytest.raises(ValueError, match=message):
        model.fit(x, y, **{"verbose": 0, **settings})
    assert everything(model) == before
    assert model.history is history


def test_bad_first_input_does_not_settle_the_shape() -> None:
    model = classifier()
    for bad in ((X[:, :3], Y + 1), (X[:, :2], Y[:5])):
        with pytest.raises(ValueError, match=r"labels|pair up"):
            model.fit(*bad)
        with pytest.raises(ValueError, match=r"labels|pair up"):
            model.evaluate(*bad)
    assert not model.built
    model.fit(X, Y, verbose=0)


@pytest.mark.parametrize("x", [b[0] for b in BAD[:10]])
def test_predict_checks_its_input(x: Any) -> None:
    model = classifier()
    model.build((4,))
    for call in (model.predict, model):
        with pytest.raises(ValueError, match="inputs"):
            call(x)


def test_outputs_must_be_rows() -> None:
    model = Sequential([Dropout(0.1)], seed=0)
    model.compile(loss="mse")
    with pytest.raises(ValueError, match="with Flatten or Dense"):
        model.fit(np.ones((2, 3, 3)), np.ones((2, 3)))
    assert not model.built


def test_callbacks_must_be_callbacks() -> None:
    model = classifier()
    model.build((4,))
    before = everything(model)["dense.w"]
    with pytest.raises(TypeError, match="is no Callback"):
        model.fit(X, Y, callbacks=[print], verbose=0)  # type: ignore[list-item]
    assert everything(model)["dense.w"] == before
    model.fit(X, Y, verbose=0)


# Divergence


@pytest.mark.parametrize("optimizer", [SGD, Adam])
@pytest.mark.parametrize("rows", [30, 4])
def test_divergence_restores_everything(optimizer: Any, rows: int, backend: Any) -> None:
    x, y = problem(rows)
    model = Sequential([Dense(8, "relu"), Dense(3)], seed=0)
    model.compile(loss="mse", optimizer=optimizer(0.01))
    model.fit(x, y, epochs=2, batch_size=4, verbose=0)
    model.optimizer.learning_rate = 1e30
    before = everything(model)
    epochs = []
    seen = LambdaCallback(on_epoch_end=lambda epoch, logs: epochs.append(epoch))
    with pytest.raises(DivergenceError, match=r"became .* in epoch \d+; .* Lower the learning"):
        model.fit(x, y, epochs=50, batch_size=4, callbacks=[seen], verbose=0)
    assert np.isfinite(to_numpy(model.weights)).all()
    assert model.epochs == 2 + len(epochs)
    if not epochs:  # a single step an epoch leaves finite weights that only the next one shows bad
        assert everything(model) == before
        model.compile(loss="mse", optimizer=optimizer(0.001))
        model.fit(x, y, verbose=0)


def test_infinite_weights_are_found_though_the_loss_was_finite(backend: Any) -> None:
    model = Sequential([Dense(3)], seed=0)
    model.compile(loss="mse", optimizer=SGD(0.1))
    model.fit(X, Y, verbose=0)
    model.optimizer.learning_rate = 3e38
    before = everything(model)
    with pytest.raises(DivergenceError, match="the weights became NaN or infinite in epoch 1"):
        model.fit(9 * X, Y, batch_size=30, verbose=0)
    assert everything(model) == before


def test_streams_diverge_too(backend: Any) -> None:
    model = Sequential([Dense(3)], seed=0)
    model.compile(loss="mse", optimizer=SGD(1e25))
    with pytest.raises(DivergenceError):
        model.fit(batches_of(X, Y, 4), epochs=3, verbose=0)
    assert np.isfinite(to_numpy(model.weights)).all()
    assert model.iterations[0] == 0


# Interruption


def stop_at(count: int) -> Callback:
    seen = []

    def stop(*_: Any) -> None:
        seen.append(True)
        if len(seen) == count:
            raise KeyboardInterrupt

    return LambdaCallback(on_train_batch_end=stop)


def test_an_interrupted_model_stays_usable(tmp_path: Path, backend: Any) -> None:
    model, path = classifier(), tmp_path / "m.safetensors"
    with pytest.raises(KeyboardInterrupt):
        model.fit(X, Y, epochs=5, batch_size=4, callbacks=[stop_at(19)], checkpoint=path, verbose=0)
    assert model.iterations[0] == 19
    assert read(path)[1]["epochs"] == 2
    assert [p.name for p in tmp_path.iterdir()] == ["m.safetensors"]
    assert np.isfinite(model.evaluate(X, Y)).all()
    model.fit(X, Y, verbose=0)
    assert load(path).iterations[0] == 16


@not_on_windows
def test_ctrl_c_during_a_compiled_fit(tmp_path: Path) -> None:
    path = tmp_path / "m.safetensors"
    layers = "[nn.Dense(64, 'relu'), nn.Dense(10, 'softmax')]"
    interrupt_fit(layers, "'rmsprop'", str(path))
    assert load(path).iterations[0] > 0


def test_callbacks_are_closed_whatever_happens() -> None:
    class Closing(Callback):
        closed = 0

        def on_epoch_end(self, epoch: int, logs: Any) -> None:
            raise OSError("disk full")

        def close(self) -> None:
            self.closed += 1

    closing, model = Closing(), classifier()
    with pytest.raises(OSError, match="disk full"):
        model.fit(X, Y, callbacks=[closing], verbose=0)
    assert closing.closed == 1
    model.fit(X, Y, verbose=0)


def test_each_epoch_has_an_order_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    orders: list[list[int]] = []
    start = BatchLoader.start

    def noting(self: BatchLoader, order: np.ndarray) -> None:
        orders.append(order.tolist())
        start(self, order)

    monkeypatch.setattr(BatchLoader, "start", noting)
    for _ in range(2):
        classifier().fit(X, Y, epochs=3, verbose=0)
    assert all(sorted(order) == list(range(len(X))) for order in orders)
    assert len({tuple(order) for order in orders[:3]}) == 3
    assert orders[3:] == orders[:3]
