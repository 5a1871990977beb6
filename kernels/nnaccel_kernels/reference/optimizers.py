"""Optimiser steps over a model's flat parameter buffer.

`rate` holds the learning rate of every batch of the epoch and `cursor` this batch's number;
`steps` counts the updates made before this one. A rate of NaN leaves everything as it is.
"""

from __future__ import annotations

import math
from typing import Any

from nnaccel_kernels.reference.namespace import namespace

__all__ = ["adagrad", "adam", "momentum", "rmsprop", "sgd"]


def sgd(w: Any, g: Any, rate: Any, cursor: Any) -> None:
    """w -= rate * g."""
    if _is_left_out(rate, cursor):
        return
    w -= _now(rate, cursor) * g


def momentum(w: Any, g: Any, m: Any, mu: float, nesterov: bool, rate: Any, cursor: Any) -> None:
    """Heavy-ball or Nesterov momentum; m is the velocity."""
    if _is_left_out(rate, cursor):
        return
    step = _now(rate, cursor) * g
    m *= mu
    m -= step
    w += mu * m - step if nesterov else m


def adagrad(w: Any, g: Any, a: Any, epsilon: float, rate: Any, cursor: Any) -> None:
    """Adagrad; a is the sum of squared gradients."""
    if _is_left_out(rate, cursor):
        return
    a += g * g
    w -= _now(rate, cursor) * g / namespace(w).sqrt(a + epsilon)


def rmsprop(
    w: Any,
    g: Any,
    v: Any,
    m: Any,
    rho: float,
    mu: float,
    epsilon: float,
    rate: Any,
    cursor: Any,
) -> None:
    """RMSprop; v averages the squared gradient, m is the velocity (empty without momentum)."""
    if _is_left_out(rate, cursor):
        return
    v *= rho
    v += (1 - rho) * (g * g)
    step = _now(rate, cursor) * g / namespace(w).sqrt(v + epsilon)
    if 0 not in m.shape:
        m *= mu
        m += step
        step = m
    w -= step


def adam(
    w: Any,
    g: Any,
    m: Any,
    v: Any,
    beta1: float,
    beta2: float,
    epsilon: float,
    decay: float,
    rate: Any,
    cursor: Any,
    steps: Any,
) -> None:
    """Adam with decoupled weight decay (0 for plain Adam)."""
    if _is_left_out(rate, cursor):
        return
    t = int(steps[0]) + 1
    learning_rate = _now(rate, cursor)
    m += (1 - beta1) * (g - m)
    v += (1 - beta2) * (g * g - v)
    step = learning_rate * math.sqrt(1 - beta2**t) / (1 - beta1**t)
    w *= 1 - learning_rate * decay
    w -= step * m / (namespace(w).sqrt(v) + epsilon)


def _now(rate: Any, cursor: Any) -> float:
    return float(rate[int(cursor[0])])


def _is_left_out(rate: Any, cursor: Any) -> bool:
    return math.isnan(_now(rate, cursor))
