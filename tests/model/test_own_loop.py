"""Loops of one's own: train_on_batch, test_on_batch and step do what fit and evaluate do."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest

import nnaccel as nn
from nnaccel.layers import BatchNorm, Dense, Dropout
from nnaccel.model.sequential import Sequential
from nnaccel.optim import SGD, Adam
from nnaccel.training.callbacks import LambdaCallback

rng = np.random.default_rng(0)
X = rng.normal(size=(22, 4)).astype("float32")
Y = rng.integers(3, size=22)
BATCHES = [slice(start, start + 8) for start in range(0, 22, 8)]  # the last one has 6 rows


def made(optimizer: Any = None, dtype: str = "float32") -> Sequential:
    layers = [
        Dense(6, "tanh", penalty=nn.L2(0.01)),
        BatchNorm(),
        Dropout(0.3),
        Dense(3, "softmax"),
    ]
    model = Sequential(layers, seed=0, dtype=dtype)
    model.compile("categorical_crossentropy", optimizer or Adam(0.05, clipnorm=0.5), ["accuracy"])
    model.build((4,))
    return model


@pytest.mark.parametrize("dtype", ["float32", "float64", "mixed_float16"])
def test_an_epoch_of_batches_is_an_epoch_of_fit(backend: Any, dtype: str) -> None:
    model, fitted = made(dtype=dtype), made(dtype=dtype)
    weights = rng.random(22)
    fitted.fit(X, Y, batch_size=8, sample_weight=weights, shuffle=False, verbose=0, epochs=2)
    for batch in BATCHES * 2:
        model.train_on_batch(X[batch], Y[batch], sample_weight=weights[batch])
    np.testing.assert_array_equal(nn.to_numpy(model.weights), nn.to_numpy(fitted.weights))
    np.testing.assert_array_equal(nn.to_numpy(model.states), nn.to_numpy(fitted.states))


def test_a_batch_is_tested_as_it_is_evaluated(backend: Any) -> None:
    model = made()
    given = {"sample_weight": rng.random(22)}
    assert model.test_on_batch(X, Y, **given) == model.evaluate(X, Y, **given)
    logs = model.test_on_batch(X, Y, return_dict=True)
    assert logs == model.evaluate(X, Y, return_dict=True)
    before = nn.to_numpy(model.weights).copy()
    logs = model.train_on_batch(X, Y, class_weight="balanced", return_dict=True)
    assert sorted(logs) == ["accuracy", "loss"]
    assert np.abs(nn.to_numpy(model.weights) - before).max() > 0


def test_the_loss_is_that_before_the_update(backend: Any) -> None:
    model = Sequential([Dense(3, "softmax")], seed=0, dtype="float64")
    model.compile("categorical_crossentropy", SGD(0.5))
    model.build((4,))
    before = model.evaluate(X, Y)
    assert model.train_on_batch(X, Y) == pytest.approx(before, rel=1e-12)
    assert model.evaluate(X, Y) < before


def test_a_step_from_forward_and_backward_is_a_step_of_training(backend: Any) -> None:
    model, trained = made(), made()
    targets = np.eye(3, dtype="float32")[Y]
    for _ in range(3):
        trained.train_on_batch(X, Y)
        logits, run_back = model.forward(backend.asarray(X), training=True, activate=False)
        z = nn.to_numpy(logits)
        p = np.exp(z - z.max(axis=1, keepdims=True))
        p /= p.sum(axis=1, keepdims=True)
        run_back(backend.asarray((p - targets) / np.float32(len(X))))
        model.step()
    assert int(nn.to_numpy(model.iterations)[0]) == 3
    np.testing.assert_allclose(
        nn.to_numpy(model.weights), nn.to_numpy(trained.weights), rtol=1e-4, atol=1e-5
    )


def _no_dropout(model: Sequential) -> None:
    model.layers[2].rate = 0.0


def _freeze(model: Sequential) -> None:
    model.layers[0].trainable = False


def _slow_down(model: Sequential) -> None:
    model.optimizer.learning_rate = 1e-3


def _clip(model: Sequential) -> None:
    model.optimizer.clipnorm = 1e-3


def _penalize(model: Sequential) -> None:
    model.layers[3].penalty = nn.L2(1.0)


@pytest.mark.parametrize("change", [_no_dropout, _freeze, _slow_down, _clip, _penalize])
def test_what_changes_between_two_steps_holds(change: Any, backend: Any) -> None:
    model, fitted = made(), made()
    for each in (model, fitted):
        each.fit(X, Y, batch_size=22, shuffle=False, verbose=0)
    model.train_on_batch(X, Y)
    fitted.fit(X, Y, batch_size=22, shuffle=False, verbose=0)
    for each in (model, fitted):
        change(each)
    model.train_on_batch(X, Y)
    fitted.fit(X, Y, batch_size=22, shuffle=False, verbose=0)
    np.testing.assert_array_equal(nn.to_numpy(model.weights), nn.to_numpy(fitted.weights))
    kept = model._own_steps
    assert kept is not None
    model.train_on_batch(X, Y)
    assert model._own_steps is not None
    assert model._own_steps[0] is kept[0]


def test_freezing_in_turn_records_no_step_anew() -> None:
    model = made()
    model.train_on_batch(X, Y)
    kept = model._own_steps
    for value in (False, True, False):
        model.trainable = value
        model.train_on_batch(X, Y)
    assert kept is not None
    assert model._own_steps is not None
    assert model._own_steps[0] is kept[0]


def test_compiling_and_copying_begin_anew() -> None:
    model, other = made(SGD(0.1)), made(SGD(0.1))
    model.train_on_batch(X, Y)
    copied = copy.deepcopy(model)
    assert model.train_on_batch(X, Y) == copied.train_on_batch(X, Y)
    np.testing.assert_array_equal(model.weights, copied.weights)
    other.set_weights(model.get_weights())
    for each in (model, other):
        each.compile("mse", Adam(0.01))
        each.train_on_batch(X, np.eye(3)[Y])
    np.testing.assert_array_equal(model.weights, other.weights)


def test_a_model_that_moves_goes_on() -> None:
    model, stays = made(dtype="float64"), made(dtype="float64")
    for name in ("numpy", "numba", "numpy"):
        model.to(name)
        model.train_on_batch(X, Y)
        stays.train_on_batch(X, Y)
    np.testing.assert_allclose(model.weights, stays.weights, rtol=1e-9, atol=1e-12)


def test_a_model_that_moves_records_its_steps_there() -> None:
    model = made()
    steps = []
    for name in ("numpy", "numba"):
        model.to(name)
        model.train_on_batch(X, Y)
        assert model._own_steps is not None
        steps.append(model._own_steps[0])
    assert steps[0] is not steps[1]


def test_pixels_are_tested_by_the_scale_that_training_has_shown_since(backend: Any) -> None:
    pixels = rng.integers(0, 256, (8, 3, 3)).astype(np.uint8)
    model = Sequential([nn.Flatten(), Dense(3, "softmax")], seed=0)
    model.compile("categorical_crossentropy", "sgd")
    model.test_on_batch(pixels, Y[:8])  # divided by 255
    model.train_on_batch(pixels.astype("float32"), Y[:8])  # not divided
    expected = model.test_on_batch(pixels.astype("float32"), Y[:8])
    assert model.test_on_batch(pixels, Y[:8]) == pytest.approx(expected)


def test_a_slice_is_trained_beside_its_model(backend: Any) -> None:
    model, fitted = made(SGD(0.1)), made(SGD(0.1))
    head, fitted_head = model[3:], fitted[3:]
    features = rng.normal(size=(22, 6))
    for each in (head, fitted_head):
        each.compile("categorical_crossentropy", SGD(0.2))
    for _ in range(2):
        model.train_on_batch(X, Y)
        head.train_on_batch(features, Y)
        fitted.fit(X, Y, batch_size=22, shuffle=False, verbose=0)
        fitted_head.fit(features, Y, batch_size=22, shuffle=False, verbose=0)
    np.testing.assert_array_equal(nn.to_numpy(model.weights), nn.to_numpy(fitted.weights))


def test_a_layer_and_an_optimizer_of_ones_own() -> None:
    class Doubled(nn.Layer):
        def infer_shape(self, input_shape: Any) -> Any:
            return input_shape

        def forward(self, x: Any, training: bool = False, activate: bool = True) -> Any:
            self.seen = len(x)
            return 2 * x, lambda dy, _: 2 * dy

    class Counted(nn.optim.Optimizer):
        calls = 0

        def update(self, w: Any, g: Any, slots: Any, clock: Any) -> None:
            self.calls += 1
            w -= clock.learning_rate * g

    models = []
    for _ in range(2):
        model = Sequential([Dense(5), Doubled(), Dense(3, "softmax")], seed=0)
        model.compile("categorical_crossentropy", Counted(0.1))
        models.append(model)
    for _ in range(3):
        models[0].train_on_batch(X, Y)
    models[1].fit(X, Y, batch_size=22, epochs=3, shuffle=False, verbose=0)
    np.testing.assert_array_equal(models[0].weights, models[1].weights)
    assert models[0].optimizer.calls == 3  # type: ignore[attr-defined]


def test_what_cannot_be_is_refused() -> None:
    model = Sequential([Dense(3, "softmax")], seed=0)
    with pytest.raises(RuntimeError, match="not compiled yet"):
        model.train_on_batch(X, Y)
    with pytest.raises(RuntimeError, match="not built yet"):
        model.step()
    model.compile()
    with pytest.raises(ValueError, match="they must pair up"):
        model.train_on_batch(X, Y[:3])
    with pytest.raises(TypeError, match="reset_metrics"):
        model.train_on_batch(X, Y, reset_metrics=True)  # type: ignore[arg-type]
    linear = Sequential([Dense(3)], seed=0)
    linear.compile()
    with pytest.raises(ValueError, match="takes probabilities"):
        linear.train_on_batch(X, Y)
    inside = LambdaCallback(on_epoch_end=lambda epoch, logs: model.train_on_batch(X, Y))
    with pytest.raises(RuntimeError, match="is being trained"):
        model.fit(X, Y, verbose=0, callbacks=[inside])
