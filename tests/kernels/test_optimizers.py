"""Optimiser steps against Keras's formulas in plain Python, over several steps of a schedule."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nnaccel.backends import to_numpy
from nnaccel_kernels import reference
from nnaccel_kernels.segments import Segment

EPSILON = 1e-7
STEPS = 5
RATES = [0.1, 0.02, 0.3, 0.05, 0.01]
dtypes = pytest.mark.parametrize("dtype", [np.float32, np.float64])

# Each rule takes a weight, its gradient, its state, the rate and t = 1, 2, …; and changes state.
State = dict[str, float]
Rule = Callable[[float, float, State, float, int], float]


def sgd(w: float, g: float, s: State, rate: float, t: int) -> float:
    return w - rate * g


def heavy_ball(w: float, g: float, s: State, rate: float, t: int) -> float:
    s["m"] = 0.9 * s["m"] - rate * g
    return w + s["m"]


def nesterov(w: float, g: float, s: State, rate: float, t: int) -> float:
    s["m"] = 0.9 * s["m"] - rate * g
    return w + 0.9 * s["m"] - rate * g


def adagrad(w: float, g: float, s: State, rate: float, t: int) -> float:
    s["a"] += g * g
    return w - rate * g / math.sqrt(s["a"] + EPSILON)


def rmsprop(w: float, g: float, s: State, rate: float, t: int) -> float:
    s["v"] = 0.8 * s["v"] + 0.2 * g * g
    return w - rate * g / math.sqrt(s["v"] + EPSILON)


def rmsprop_momentum(w: float, g: float, s: State, rate: float, t: int) -> float:
    s["v"] = 0.8 * s["v"] + 0.2 * g * g
    s["m"] = 0.5 * s["m"] + rate * g / math.sqrt(s["v"] + EPSILON)
    return w - s["m"]


def adam(w: float, g: float, s: State, rate: float, t: int) -> float:
    s["m"] = 0.9 * s["m"] + 0.1 * g
    s["v"] = 0.99 * s["v"] + 0.01 * g * g
    corrected = rate * math.sqrt(1 - 0.99**t) / (1 - 0.9**t)
    return w - corrected * s["m"] / (math.sqrt(s["v"]) + EPSILON)


def adamw(w: float, g: float, s: State, rate: float, t: int) -> float:
    return adam(w - 0.01 * rate * w, g, s, rate, t)


def call(
    kernels: Any, name: str, w: Any, g: Any, s: dict[str, Any], segments: Any, *place: Any
) -> None:
    rate_cursor, steps = (segments, *place[:2]), place[2]
    match name:
        case "sgd":
            kernels.sgd(w, g, *rate_cursor)
        case "heavy_ball" | "nesterov":
            kernels.momentum(w, g, s["m"], 0.9, name == "nesterov", *rate_cursor)
        case "adagrad":
            kernels.adagrad(w, g, s["a"], EPSILON, *rate_cursor)
        case "rmsprop":
            kernels.rmsprop(w, g, s["v"], w[:0], 0.8, 0.0, EPSILON, *rate_cursor)
        case "rmsprop_momentum":
            kernels.rmsprop(w, g, s["v"], s["m"], 0.8, 0.5, EPSILON, *rate_cursor)
        case "adam" | "adamw":
            decay = 0.01 if name == "adamw" else 0.0
            kernels.adam(w, g, s["m"], s["v"], 0.9, 0.99, EPSILON, decay, *rate_cursor, steps)


RULES: dict[str, tuple[Rule, State]] = {
    "sgd": (sgd, {}),
    "heavy_ball": (heavy_ball, {"m": 0.0}),
    "nesterov": (nesterov, {"m": 0.0}),
    "adagrad": (adagrad, {"a": 0.1}),
    "rmsprop": (rmsprop, {"v": 0.0}),
    "rmsprop_momentum": (rmsprop_momentum, {"v": 0.0, "m": 0.0}),
    "adam": (adam, {"m": 0.0, "v": 0.0}),
    "adamw": (adamw, {"m": 0.0, "v": 0.0}),
}


def test_every_kernel_has_its_formula() -> None:
    called: list[str] = []
    for name in RULES:
        call(_Noted(called), name, np.zeros(1), np.zeros(1), dict.fromkeys("amv"), (), 0, 0, 0)
    assert {*called, "moving_average"} == set(reference.optimizers.__all__)


class _Noted:
    """Notes the names of kernels that are asked for."""

    def __init__(self, names: list[str]) -> None:
        self._names = names

    def __getattr__(self, name: str) -> Callable[..., None]:
        self._names.append(name)
        return lambda *_: None


@pytest.mark.parametrize("name", RULES)
@dtypes
@settings(max_examples=10)
@given(size=st.integers(0, 40), seed=st.integers(0, 2**32 - 1))
def test_several_steps_of_a_schedule(
    backend: Any, name: str, dtype: Any, size: int, seed: int
) -> None:
    rule, start = RULES[name]
    rng = np.random.default_rng(seed)
    weights = rng.standard_normal(size).astype(dtype)
    gradients = rng.standard_normal((STEPS, size)).astype(dtype)
    w = backend.asarray(weights.copy())
    slots = {k: backend.asarray(np.full(size, v, dtype)) for k, v in start.items()}
    rate, cursor, steps = np.array(RATES), np.array([0]), np.array([0])
    # A frozen part, one with a third of the rate, the rest as usual but without weight decay.
    a, b = sorted(rng.integers(0, size + 1, 2))
    segments = Segment(a, b, 1 / 3), Segment(b, size, 1.0, False)
    for g in gradients:
        call(backend.kernels, name, w, backend.asarray(g), slots, segments, rate, cursor, steps)
        backend.kernels.advance(cursor)
        backend.kernels.advance(steps)
    want = [float(v) for v in weights]
    for i in range(a, size):
        state, factor = dict(start), 1 / 3 if i < b else 1.0
        here = adam if name == "adamw" and i >= b else rule
        for t in range(STEPS):
            want[i] = here(want[i], float(gradients[t, i]), state, factor * RATES[t], t + 1)
    # A gradient near 0 is divided by its own size, so a sum's rounding may be seen whole.
    tolerance = 100 * float(np.finfo(dtype).eps)
    np.testing.assert_allclose(to_numpy(w), want, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("name", RULES)
def test_a_zero_gradient_moves_nothing_at_the_start(backend: Any, name: str) -> None:
    w = backend.asarray(np.ones(3, np.float32))
    g = backend.asarray(np.zeros(3, np.float32))
    slots = {k: backend.asarray(np.full(3, v, np.float32)) for k, v in RULES[name][1].items()}
    place = (Segment(0, 3),), np.array([0.1]), np.array([0]), np.array([0])
    call(backend.kernels, name, w, g, slots, *place)
    np.testing.assert_allclose(to_numpy(w), 1 - 0.001 * (name == "adamw"), rtol=1e-6)


def test_adams_correction_does_not_fade_with_time(backend: Any) -> None:
    """After a million steps 0.999**t is 0 and the step is rate * m / sqrt(v)."""
    w, g = (backend.asarray(np.full(2, v)) for v in (1.0, 0.5))
    m, v = backend.asarray(np.full(2, 0.5)), backend.asarray(np.full(2, 0.25))
    place = (Segment(0, 2),), np.array([0.1]), np.array([0]), np.array([1_000_000])
    backend.kernels.adam(w, g, m, v, 0.9, 0.999, 0.0, 0.0, *place)
    np.testing.assert_allclose(to_numpy(w), 0.9, rtol=1e-12)


def test_moving_averages(backend: Any) -> None:
    w = backend.asarray(np.array([1.0, -2.0, 3.0]))
    mean = backend.asarray(np.array([0.0, -2.0, 1.0]))
    for rate, want in ((0.1, [0.1, -2.0, 1.2]), (np.nan, [0.1, -2.0, 1.2])):
        backend.kernels.moving_average(w, mean, 0.9, np.array([rate]), np.array([0]))
        np.testing.assert_allclose(to_numpy(mean), want, rtol=1e-12)
