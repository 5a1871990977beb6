"""Optimiser steps over a model's flat parameter buffer.

`rate` holds the learning rate of each batch of the epoch, `cursor` the index of this batch, and
`steps` the number of updates so far. All three are on the device. A rate of NaN skips the update.
`segments`, of the host, are the parts of the buffer to update: a launch for each.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

import numpy as np

from nnaccel_kernels.cuda.runtime.approximate import reciprocal, reciprocal_root, root
from nnaccel_kernels.cuda.runtime.launch import scalar
from nnaccel_kernels.cuda.runtime.namespace import namespace_of
from nnaccel_kernels.cuda.skeletons.elementwise import ElementwiseKernel
from nnaccel_kernels.cuda.skeletons.indexed import IndexedKernel
from nnaccel_kernels.segments import Segment

__all__ = ["adagrad", "adam", "momentum", "moving_average", "rmsprop", "sgd"]

Segments = Sequence[Segment]


def _learning_rate(count, outputs, numbers):  # type: ignore[no-untyped-def]
    lr = numbers[0][numbers[1][0]] * numbers[2]
    return 0 if math.isnan(lr) else count, (outputs[0].dtype.type(lr), *numbers[3:])


def _adam_factors(count, outputs, numbers):  # type: ignore[no-untyped-def]
    lr, keep = numbers[0][0], numbers[0][1]
    return 0 if math.isnan(lr) else count, (lr, keep, *numbers[1:])


_update = partial(ElementwiseKernel, once=_learning_rate)


@_update
def _sgd(w, g, lr):  # type: ignore[no-untyped-def]
    return w - lr * g


@_update
def _momentum(w, g, m, lr, mu, nesterov):  # type: ignore[no-untyped-def]
    step = lr * g
    velocity = mu * m - step
    return w + (mu * velocity - step if nesterov else velocity), velocity


@_update
def _adagrad(w, g, a, lr, epsilon):  # type: ignore[no-untyped-def]
    total = a + g * g
    return w - lr * g * reciprocal_root(total + epsilon), total


@_update
def _rmsprop(w, g, v, lr, rho, rest, epsilon):  # type: ignore[no-untyped-def]
    mean = rho * v + rest * (g * g)
    return w - lr * g * reciprocal_root(mean + epsilon), mean


@_update
def _rmsprop_with_momentum(w, g, v, m, lr, rho, rest, mu, epsilon):  # type: ignore[no-untyped-def]
    mean = rho * v + rest * (g * g)
    velocity = mu * m + lr * g * reciprocal_root(mean + epsilon)
    return w - velocity, mean, velocity


@_update
def _moving_average(w, mean, lr, share):  # type: ignore[no-untyped-def]
    return mean + share * (w - mean)


@partial(ElementwiseKernel, once=_adam_factors)
def _adam(w, g, m, v, lr, keep, rest1, rest2, epsilon):  # type: ignore[no-untyped-def]
    mean = m + rest1 * (g - m)
    square = v + rest2 * (g * g - v)
    return w * keep - lr * mean * reciprocal(root(square) + epsilon), mean, square


@IndexedKernel
def _set_adam_factors(i, args):  # type: ignore[no-untyped-def]
    """What every element needs, in float64 and only once: powers are slow."""
    factors, beta1, beta2, decay, factor, rate, cursor, steps = args
    lr, t = rate[cursor[0]] * factor, steps[0] + 1
    factors[0] = lr * math.sqrt(1.0 - beta2**t) / (1.0 - beta1**t)
    factors[1] = 1.0 - lr * decay


def sgd(w: Any, g: Any, segments: Segments, rate: Any, cursor: Any) -> None:
    """w -= rate * g."""
    arrays = w, g
    for factor, _, (w, g) in _parts(segments, arrays):
        _sgd((w,), (w, g), rate, cursor, factor)


def momentum(
    w: Any, g: Any, m: Any, mu: float, nesterov: bool, segments: Segments, rate: Any, cursor: Any
) -> None:
    """Heavy-ball or Nesterov momentum; m is the velocity."""
    arrays = w, g, m
    for factor, _, (w, g, m) in _parts(segments, arrays):
        _momentum((w, m), (w, g, m), rate, cursor, factor, scalar(mu, w), nesterov)


def adagrad(
    w: Any, g: Any, a: Any, epsilon: float, segments: Segments, rate: Any, cursor: Any
) -> None:
    """Adagrad; a is the sum of squared gradients."""
    arrays = w, g, a
    for factor, _, (w, g, a) in _parts(segments, arrays):
        _adagrad((w, a), (w, g, a), rate, cursor, factor, scalar(epsilon, w))


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
    means, eps = (scalar(rho, w), scalar(1 - rho, w)), scalar(epsilon, w)
    arrays = w, g, v, m
    for factor, _, (w, g, v, m) in _parts(segments, arrays):
        schedule = rate, cursor, factor
        if m.size:
            momenta = scalar(mu, w), eps
            _rmsprop_with_momentum((w, v, m), (w, g, v, m), *schedule, *means, *momenta)
        else:
            _rmsprop((w, v), (w, g, v), *schedule, *means, eps)


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
    rests = scalar(1 - beta1, w), scalar(1 - beta2, w)
    arrays = w, g, m, v
    for factor, decays, (w, g, m, v) in _parts(segments, arrays):
        factors = namespace_of(w).empty(2, w.dtype)
        hyper = float(beta1), float(beta2), float(decay * decays), factor
        _set_adam_factors(1, factors, *hyper, rate, cursor, steps)
        _adam((w, m, v), (w, g, m, v), factors, *rests, scalar(epsilon, w))


def moving_average(w: Any, mean: Any, momentum: float, rate: Any, cursor: Any) -> None:
    """mean += (1 - momentum) * (w - mean), after an update."""
    _moving_average((mean,), (w, mean), rate, cursor, np.float64(1), scalar(1 - momentum, w))


def _parts(segments: Segments, arrays: tuple[Any, ...]) -> Iterator[tuple[Any, bool, list[Any]]]:
    """Yield factor of the rate, whether there is weight decay, and views, of each segment."""
    for segment in segments:
        views = [a[segment.place] for a in arrays]
        yield np.float64(segment.rate_factor), segment.decays, views
