"""Optimisers against their papers' formulas, written out in NumPy."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nnaccel import optim
from nnaccel.layers import Dense
from nnaccel.model.sequential import Sequential
from nnaccel.optim import schedules
from nnaccel_kernels.segments import Segment

STEPS = 7


def gradients_of(size: int) -> np.ndarray:
    return np.random.default_rng(0).normal(size=(STEPS, size))


def apply(optimizer: optim.Optimizer, backend: Any, w: np.ndarray, dtype: str) -> np.ndarray:
    """Weights after STEPS updates."""
    start = w.astype(dtype)
    slots = backend.asarray(optimizer.initial_slots(start))
    w, g = backend.asarray(start.copy()), backend.asarray(np.zeros_like(start))
    rate, cursor, steps = optimizer.rates(0, STEPS), np.zeros(1, np.int64), np.zeros(1, np.int64)
    for gradient in gradients_of(start.size):
        g[...] = backend.asarray(gradient.astype(dtype))
        optimizer.clip(backend.kernels, g, [g])
        clock = optim.Clock(rate, cursor, steps, (Segment(0, start.size),))
        optimizer.apply(backend, w, g, list(slots), clock)
        cursor += 1
        steps += 1
    return np.asarray(backend.to_numpy(w), np.float64)


def sgd(w: Any, rate: float = 0.1) -> Any:
    for g in gradients_of(w.size):
        w = w - rate * g
    return w


def momentum(w: Any, nesterov: bool) -> Any:
    v = np.zeros_like(w)
    for g in gradients_of(w.size):
        v = 0.9 * v - 0.1 * g
        w = w + (0.9 * v - 0.1 * g if nesterov else v)
    return w


def adagrad(w: Any) -> Any:
    a = np.full_like(w, 0.1)
    for g in gradients_of(w.size):
        a = a + g**2
        w = w - 0.1 * g / np.sqrt(a + 1e-7)
    return w


def rmsprop(w: Any, mu: float) -> Any:
    s, v = np.zeros_like(w), np.zeros_like(w)
    for g in gradients_of(w.size):
        s = 0.8 * s + 0.2 * g**2
        v = mu * v + 0.1 * g / np.sqrt(s + 1e-7)
        w = w - v
    return w


def adam(w: Any, decay: float = 0.0) -> Any:
    m, v = np.zeros_like(w), np.zeros_like(w)
    for t, g in enumerate(gradients_of(w.size), 1):
        m = 0.9 * m + 0.1 * g
        v = 0.99 * v + 0.01 * g**2
        rate = 0.1 * math.sqrt(1 - 0.99**t) / (1 - 0.9**t)
        w = w * (1 - 0.1 * decay) - rate * m / (np.sqrt(v) + 1e-7)
    return w


def lion(w: Any) -> Any:
    m = np.zeros_like(w)
    for g in gradients_of(w.size):
        w = w - 0.1 * (np.sign(0.8 * m + 0.2 * g) + 0.3 * w)
        m = 0.95 * m + 0.05 * g
    return w


RULES: dict[str, tuple[optim.Optimizer, Callable[[Any], Any]]] = {
    "sgd": (optim.SGD(0.1), sgd),
    "momentum": (optim.SGD(0.1, 0.9), lambda w: momentum(w, False)),
    "nesterov": (optim.SGD(0.1, 0.9, nesterov=True), lambda w: momentum(w, True)),
    "adagrad": (optim.Adagrad(0.1), adagrad),
    "rmsprop": (optim.RMSprop(0.1, rho=0.8), lambda w: rmsprop(w, 0.0)),
    "rmsprop-momentum": (optim.RMSprop(0.1, 0.8, momentum=0.5), lambda w: rmsprop(w, 0.5)),
    "adam": (optim.Adam(0.1, beta_2=0.99), adam),
    "lion": (optim.Lion(0.1, beta_1=0.8, beta_2=0.95, weight_decay=0.3), lion),
    "adamw": (optim.AdamW(0.1, 0.3, beta_2=0.99), lambda w: adam(w, 0.3)),
}


def test_every_optimizer_has_its_formula() -> None:
    assert {type(optimizer) for optimizer, _ in RULES.values()} == set(optim.OPTIMIZERS.values())


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("size", [1, 16, 100_003])
def test_updates_follow_the_formula(rule: str, size: int, backend: Any) -> None:
    optimizer, formula = RULES[rule]
    w = np.random.default_rng(1).normal(size=size)
    np.testing.assert_allclose(apply(optimizer, backend, w, "float64"), formula(w), rtol=1e-9)
    np.testing.assert_allclose(apply(optimizer, backend, w, "float32"), formula(w), atol=1e-4)


@given(first=st.integers(0, 50), count=st.integers(1, 20))
def test_rates_follow_the_schedule(first: int, count: int) -> None:
    schedule = schedules.ExponentialDecay(0.1, decay_steps=7, decay_rate=0.5)
    rates = optim.SGD(schedule).rates(first, count)
    assert rates.tolist() == [schedule(step) for step in range(first, first + count)]
    assert optim.SGD(0.25).rates(first, count).tolist() == [0.25] * count


# Clipping


def clipped(backend: Any, gradients: list[np.ndarray], **clipping: float) -> list[np.ndarray]:
    flat = backend.asarray(np.concatenate([g.ravel() for g in gradients]))
    ends = np.cumsum([0, *(g.size for g in gradients)])
    each = [flat[a:b].reshape(g.shape) for a, b, g in zip(ends, ends[1:], gradients, strict=False)]
    optim.SGD(0.1, **clipping).clip(backend.kernels, flat, each)
    return [backend.to_numpy(g) for g in each]


def test_clipping(backend: Any) -> None:
    gradients = [np.full((2, 2), 3.0), np.array([0.1, -0.2])]
    whole = math.sqrt(36 + 0.05)
    for limit in (1.0, 100.0):
        for clipping, expected in (
            ({"clipvalue": limit}, [np.clip(g, -limit, limit) for g in gradients]),
            ({"clipnorm": limit}, [gradients[0] * min(1, limit / 6), gradients[1]]),
            ({"global_clipnorm": limit}, [g * min(1, limit / whole) for g in gradients]),
        ):
            for ours, theirs in zip(clipped(backend, gradients, **clipping), expected, strict=True):
                np.testing.assert_allclose(ours, theirs, rtol=1e-12)


def test_clipping_bounds_a_step(backend: Any) -> None:
    model = Sequential([Dense(4, "tanh"), Dense(2)], seed=0, dtype="float64")
    model.compile(loss="mse", optimizer=optim.SGD(1.0, global_clipnorm=0.01))
    x = 100 * np.random.default_rng(0).normal(size=(8, 3))
    model.build((3,))
    before = model.weights.copy()
    model.fit(x, x[:, :2], batch_size=8, verbose=0)
    assert float(((model.weights - before) ** 2).sum()) == pytest.approx(0.01**2)


# Settings


@pytest.mark.parametrize("rule", RULES)
def test_settings_round_trip_through_json(rule: str) -> None:
    optimizer = RULES[rule][0]
    optimizer = optim.get(optimizer)
    again = optim.from_description(json.loads(json.dumps(optim.describe(optimizer))))
    assert type(again) is type(optimizer)
    assert again.config() == optimizer.config()
    assert again.slots == optimizer.slots
    assert repr(again) == repr(optimizer)


def test_schedules_round_trip() -> None:
    warm = schedules.CosineDecay(0.1, decay_steps=100)
    optimizer = optim.Adam(warm, clipnorm=2.0)
    again = optim.from_description(json.loads(json.dumps(optim.describe(optimizer))))
    assert again.learning_rate == warm
    assert again.clipnorm == 2.0


def test_defaults_are_those_of_keras() -> None:
    assert optim.SGD().config()["learning_rate"] == 0.01
    for kind in (optim.Adagrad, optim.RMSprop, optim.Adam, optim.AdamW):
        config = kind().config()
        assert (config["learning_rate"], config["epsilon"]) == (0.001, 1e-7)
    assert optim.RMSprop().rho == 0.9
    assert optim.Adagrad().initial_accumulator_value == 0.1
    assert (optim.Adam().beta_1, optim.Adam().beta_2) == (0.9, 0.999)
    assert optim.AdamW().weight_decay == 0.004


@pytest.mark.parametrize(
    ("kind", "settings", "message"),
    [
        (optim.SGD, {"learning_rate": -1}, "learning_rate=-1.0 must be at least 0"),
        (optim.SGD, {"learning_rate": math.nan}, "learning_rate=nan"),
        (optim.SGD, {"momentum": 1}, "momentum=1 must be at least 0 and below 1"),
        (optim.SGD, {"clipnorm": 0}, "clipnorm=0 must be above 0"),
        (optim.SGD, {"clipnorm": 1, "clipvalue": 1}, "exclude one another"),
        (optim.Adam, {"beta_1": 1.0}, "beta_1=1.0"),
        (optim.Adam, {"epsilon": -1e-9}, "epsilon=-1e-09"),
        (optim.AdamW, {"weight_decay": -1}, "weight_decay=-1"),
        (optim.RMSprop, {"rho": 2}, "rho=2"),
        (optim.Adagrad, {"initial_accumulator_value": -1}, "initial_accumulator_value=-1"),
    ],
)
def test_settings_out_of_range(kind: Any, settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        kind(**settings)


@pytest.mark.parametrize("rate", ["fast", None, np.sin])
def test_learning_rates_that_are_none(rate: Any) -> None:
    with pytest.raises(TypeError, match="learning_rate must be a number or a Schedule, not"):
        optim.SGD(rate)
    optimizer = optim.SGD(0.1)
    with pytest.raises(TypeError, match="learning_rate"):
        optimizer.learning_rate = rate
    assert optimizer.learning_rate == 0.1


def test_names() -> None:
    assert isinstance(optim.get("AdamW"), optim.AdamW)
    assert optim.get("sgd", learning_rate=0.5).learning_rate == 0.5
    with pytest.raises(ValueError, match=r"unknown optimizer 'rmspop'.*Did you mean 'rmsprop'"):
        optim.get("rmspop")
    with pytest.raises(ValueError, match="unknown optimizer None"):
        optim.get(None)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="brackets"):
        optim.get(optim.Adam)  # type: ignore[arg-type]


def test_one_optimizer_serves_two_models(backend: Any) -> None:
    """Its state is each model's own."""
    x, y = np.eye(4), np.arange(4) % 2
    shared, weights = optim.Adam(0.01), []
    models = [Sequential([Dense(3, "tanh"), Dense(2, "softmax")], seed=0) for _ in range(2)]
    for model in models:
        model.compile(optimizer=shared)
    for _ in range(2):
        for model in models:
            model.fit(x, y, epochs=1, verbose=0)
    weights = [model.weights for model in models]
    np.testing.assert_array_equal(*weights)


def test_arguments_that_do_not_exist_are_named() -> None:
    with pytest.raises(TypeError, match="Adam has no argument 'lr': it is called 'learning_rate'"):
        optim.Adam(lr=0.1)
    with pytest.raises(
        TypeError, match=r"SGD has no argument 'nestrov': did you mean 'nesterov'\?"
    ):
        optim.SGD(nestrov=True)  # type: ignore[call-arg]
