"""Running statistics: moved by training, and with the model wherever it goes."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nnaccel import (
    CheckpointError,
    DivergenceError,
    EarlyStopping,
    assert_parity,
    gradcheck,
    load,
    optim,
    to_numpy,
)
from nnaccel.layers import BatchNorm, Conv2D, Dense, Layer
from nnaccel.model.sequential import Sequential
from nnaccel.training import checkpoint
from nnaccel.training.callbacks import Callback


def problem(rows: int = 24) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    y = rng.integers(3, size=rows)
    return (rng.normal(3, 2, size=(rows, 4, 4)) + y[:, None, None]).astype("float32"), y


def compiled(optimizer: Any = "sgd", **settings: Any) -> Sequential:
    layers = [Conv2D(3, 3, "tanh"), BatchNorm(0.9), Dense(5), BatchNorm(0.8), Dense(3, "softmax")]
    model = Sequential(layers, seed=0, **settings)
    model.compile(optimizer=optimizer, metrics=["accuracy"])
    return model


def states(model: Sequential) -> list[np.ndarray]:
    return [to_numpy(a).copy() for layer in model.layers for a in layer.state.values()]


def assert_same(ours: Any, theirs: Any) -> None:
    for one, other in zip(ours, theirs, strict=True):
        np.testing.assert_array_equal(one, other)


def test_training_moves_them_as_keras_does(backend: Any) -> None:
    x, y = np.random.default_rng(1).normal(2, 3, size=(12, 5)).astype("float32"), np.arange(12) % 2
    model = Sequential([BatchNorm(0.6), Dense(2, "softmax")], seed=0)
    model.compile(optimizer="sgd")
    model.fit(x, y, batch_size=4, epochs=2, shuffle=False, verbose=0)
    mean, var = np.zeros(5), np.ones(5)
    for batch in [*x.reshape(3, 4, 5)] * 2:
        mean = 0.6 * mean + 0.4 * batch.mean(axis=0)
        var = 0.6 * var + 0.4 * batch.var(axis=0)
    got = model.layers[0].state
    np.testing.assert_allclose(to_numpy(got["running_mean"]), mean, rtol=1e-5)
    np.testing.assert_allclose(to_numpy(got["running_var"]), var, rtol=1e-5)
    want = (x - mean) / np.sqrt(var + 1e-3)
    gamma, beta = (to_numpy(a) for a in model.layers[0].params.values())
    np.testing.assert_allclose(model[:1].predict(x), gamma * want + beta, rtol=1e-4, atol=1e-4)


def test_nothing_but_training_moves_them(backend: Any) -> None:
    model, (x, y) = compiled(), problem()
    model.fit(x, y, verbose=0)
    before = states(model)
    model.predict(x)
    model.evaluate(x, y)
    model(x)
    assert_same(states(model), before)


def test_they_are_no_parameters(backend: Any) -> None:
    model = compiled(optim.AdamW(0.01, weight_decay=0.5))
    model.build((4, 4))
    assert model.count_params == 3 * 9 + 3 + 2 * 3 + 12 * 5 + 5 + 2 * 5 + 5 * 3 + 3
    assert model.states.size >= 2 * (3 + 5)
    lines: list[str] = []
    model.summary(lines.append)
    assert "16 running numbers without a gradient" in lines[0]
    frozen = [BatchNorm(1.0), Dense(3, "softmax")]
    still = Sequential(frozen, seed=0)
    still.compile(optimizer=optim.AdamW(0.01, weight_decay=0.5))
    still.fit(*problem(), verbose=0)
    assert_same(states(still), [np.zeros(1), np.ones(1)])


def test_weights_include_them(backend: Any) -> None:
    """As in Keras: gamma, beta, running mean, running variance."""
    model, other, (x, y) = compiled(), compiled(), problem()
    model.fit(x, y, verbose=0)
    weights = model.get_weights()
    assert len(weights) == 2 + 4 + 2 + 4 + 2
    assert_same(weights[4:6], states(model)[:2])
    other.build((4, 4))
    other.set_weights(weights)
    assert_same(states(other), states(model))
    np.testing.assert_array_equal(other.predict(x), model.predict(x))
    with pytest.raises(
        ValueError, match=r"batchnorm.running_mean has shape \(3,\), but the given array"
    ):
        other.set_weights([*weights[:4], np.ones(2), *weights[5:]])


def test_they_move_with_the_model() -> None:
    model, (x, y) = compiled().to("numba"), problem()
    model.fit(x, y, verbose=0)
    before = states(model)
    model.to("numpy")
    assert_same(states(model), before)
    model.fit(x, y, epochs=2, initial_epoch=1, verbose=0)
    assert not np.array_equal(states(model)[0], before[0])
    assert_same([model.layers[1].state["running_mean"]], [model.states[:3]])


def test_slices_and_copies(backend: Any) -> None:
    model, (x, y) = compiled(), problem()
    model.fit(x, y, verbose=0)
    twin, before = copy.deepcopy(model), states(model)
    twin.fit(x, y, verbose=0)
    assert_same(states(model), before)
    twin.states[...] = 1
    assert all((a == 1).all() for a in states(twin))
    head = model[2:]
    head.compile(optimizer="sgd")
    head.fit(model[:2].predict(x), y, verbose=0)
    assert_same(states(model)[:2], before[:2])
    assert not np.array_equal(states(model)[2], before[2])


def test_they_are_saved_and_loaded(tmp_path: Path, backend: Any) -> None:
    model, (x, y) = compiled("adam"), problem()
    model.fit(x, y, verbose=0)
    model.save(tmp_path / "m")
    again = load(tmp_path / "m")
    assert_same(states(again), states(model))
    np.testing.assert_array_equal(again.predict(x), model.predict(x))
    for one in (model, again):
        one.fit(x, y, verbose=0)
    assert_same(again.get_weights(), model.get_weights())
    arrays, described = checkpoint.read(tmp_path / "m")
    del arrays["batchnorm_1.running_var"]
    checkpoint.write(tmp_path / "m", arrays, described)
    with pytest.raises(CheckpointError, match=r"batchnorm_1.running_var is missing"):
        load(tmp_path / "m")


def test_they_are_resumed(tmp_path: Path, backend: Any) -> None:
    whole, (x, y) = compiled("adam"), problem()
    whole.fit(x, y, epochs=4, verbose=0)
    for epochs in (2, 4):
        part = compiled("adam")
        part.fit(x, y, epochs=epochs, verbose=0, checkpoint=tmp_path / "c", resume=True)
    assert_same(part.get_weights(), whole.get_weights())


def test_early_stopping_restores_them(backend: Any) -> None:
    kept: list[np.ndarray] = []

    class Keep(Callback):
        def on_epoch_end(self, epoch: int, logs: Any) -> None:
            if not kept:
                kept.extend(states(self.model))

    stopping = EarlyStopping("loss", patience=1, min_delta=1e3)
    model = compiled()
    model.fit(*problem(), epochs=9, verbose=0, callbacks=[Keep(), stopping])
    assert stopping.best_epoch == 0
    assert_same(states(model), kept)


@pytest.mark.filterwarnings("ignore:inputs of float32 reach 1e.30")
def test_divergence_puts_them_back(backend: Any) -> None:
    """Even if they alone diverge: what is divided by an infinite deviation is finite."""
    model, (x, y) = Sequential([BatchNorm(), Dense(3, "softmax")], seed=0), problem()
    model.compile()
    model.fit(x, y, verbose=0)
    before = states(model)
    x[3, 0, 0] = 1e30
    with pytest.raises(DivergenceError, match="became NaN or infinite"):
        model.fit(x, y, verbose=0)
    assert_same(states(model), before)


def test_checks_of_gradients_leave_them(backend: Any) -> None:
    (x, y), model = problem(), compiled(dtype="float64")
    model.build((4, 4))
    before = states(model)
    gradcheck(model, x, y)
    assert_parity(model, ["numpy", "numba"], x, y, rtol=1e-9)
    assert_same(states(model), before)


def test_state_of_a_layer_of_ones_own(tmp_path: Path, backend: Any) -> None:
    class Counting(Layer):
        def infer_shape(self, input_shape: Any) -> Any:
            return input_shape

        def state_specs(self, input_shape: Any) -> Any:
            return {"seen": ((1,), lambda shape, rng: np.zeros(shape))}

        def forward(self, x: Any, training: bool = False, activate: bool = True) -> Any:
            if training:
                self.state["seen"] += len(x)
            return x, lambda dy, _: dy

    model, (x, y) = Sequential([Counting(), Dense(3, "softmax")], seed=0), problem()
    model.compile()
    model.fit(x, y, epochs=2, batch_size=5, verbose=0)
    model.save(tmp_path / "m")
    again = load(tmp_path / "m", custom_objects={"Counting": Counting})
    assert to_numpy(again.layers[0].state["seen"]).tolist() == [48]
