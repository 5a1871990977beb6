"""Optimiser steps over a model's flat parameter buffer.

`rate` holds the learning rate of every batch of the epoch and `cursor` this batch's number;
`steps` counts the updates made before this one. A rate of NaN leaves everything as it is.
`segments` are the parts of the buffer that are updated, each with its factor of the rate.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

from nnaccel_kernels.reference.namespace import namespace
from nnaccel_kernels.segments import Segment

__all__ = ["adagrad", "adam", "momentum", "moving_average", "rmsprop", "sgd"]

Segments = Sequence[Segment]


def sgd(w: Any, g: Any, segments: Segments, rate: Any, cursor: Any) -> None:
    """w -= rate * g."""
    arrays = w, g
    for lr, _, w, g in _updated(segments, rate, cursor, arrays):
        w -= lr * g


def momentum(
    w: Any, g: Any, m: Any, mu: float, nesterov: bool, segments: Segments, rate: Any, cursor: Any
) -> None:
    """Heavy-ball or Nesterov momentum; m is the velocity."""
    arrays = w, g, m
    for lr, _, w, g, m in _updated(segments, rate, cursor, arrays):
        step = lr * g
        m *= mu
        m -= step
        w += mu * m - step if nesterov else m


def adagrad(
    w: Any, g: Any, a: Any, epsilon: float, segments: Segments, rate: Any, cursor: Any
) -> None:
    """Adagrad; a is the sum of squared gradients."""
    arrays = w, g, a
    for lr, _, w, g, a in _updated(segments, rate, cursor, arrays):
        a += g * g
        w -= lr * g / namespace(w).sqrt(a + epsilon)


def rmsprop(
    w: Any,
    g: Any,
    v: Any,
    m: Any,
    rho: float,
    mu: float,
    epsilon: float,
    segments: Segments,
    rate: Any,
    cursor: Any,
) -> None:
    """RMSprop; v averages the squared gradient, m is the velocity (empty without momentum)."""
    arrays = w, g, v, m
    for lr, _, w, g, v, m in _updated(segments, rate, cursor, arrays):
        v *= rho
        v += (1 - rho) * (g * g)
        step = lr * g / namespace(w).sqrt(v + epsilon)
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
    segments: Segments,
    rate: Any,
    cursor: Any,
    steps: Any,
) -> None:
    """Adam with decoupled weight decay (0 for plain Adam)."""
    arrays = w, g, m, v
    for lr, decays, w, g, m, v in _updated(segments, rate, cursor, arrays):
        t = int(steps[0]) + 1
        m += (1 - beta1) * (g - m)
        v += (1 - beta2) * (g * g - v)
        step = lr * math.sqrt(1 - beta2**t) / (1 - beta1**t)
        w *= 1 - lr * (decay * decays)
        w -= step * m / (namespace(w).sqrt(v) + epsilon)


def moving_average(w: Any, mean: Any, momentum: float, rate: Any, cursor: Any) -> None:
    """mean += (1 - momentum) * (w - mean), after an update."""
    if not math.isnan(_now(rate, cursor)):
        mean += (1 - momentum) * (w - mean)


def _updated(segments: Segments, rate: Any, cursor: Any, arrays: tuple[Any, ...]) -> Iterator[Any]:
    """Yield learning rate, whether there is weight decay, and views of the arrays, by segment."""
    now = _now(rate, cursor)
    for segment in () if math.isnan(now) else segments:
        views = (a[segment.place] for a in arrays)
        yield now * segment.rate_factor, segment.decays, *views


def _now(rate: Any, cursor: Any) -> float:
    return float(rate[int(cursor[0])])
