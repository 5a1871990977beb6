"""Optimiser steps over a model's flat parameter buffer.

`rate` holds the learning rate of each batch of the epoch, `cursor` the index of this batch, and
`steps` the number of updates so far. All three are on the device. A rate of NaN skips the update.
"""

from __future__ import annotations

import math
from functools import partial
from typing import Any

from nnaccel_kernels.cuda.runtime.approximate import reciprocal, reciprocal_root, root
from nnaccel_kernels.cuda.runtime.launch import scalar
from nnaccel_kernels.cuda.runtime.namespace import namespace_of
from nnaccel_kernels.cuda.skeletons.elementwise import ElementwiseKernel
from nnaccel_kernels.cuda.skeletons.indexed import IndexedKernel

__all__ = ["adagrad", "adam", "momentum", "rmsprop", "sgd"]


def _learning_rate(count, outputs, numbers):  # type: ignore[no-untyped-def]
    lr = numbers[0][numbers[1][0]]
    return 0 if math.isnan(lr) else count, (outputs[0].dtype.type(lr), *numbers[2:])


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


@partial(ElementwiseKernel, once=_adam_factors)
def _adam(w, g, m, v, lr, keep, rest1, rest2, epsilon):  # type: ignore[no-untyped-def]
    mean = m + rest1 * (g - m)
    square = v + rest2 * (g * g - v)
    return w * keep - lr * mean * reciprocal(root(square) + epsilon), mean, square


@IndexedKernel
def _set_adam_factors(i, args):  # type: ignore[no-untyped-def]
    """What every element needs, in float64 and only once: powers are slow."""
    factors, beta1, beta2, decay, rate, cursor, steps = args
    lr, t = rate[cursor[0]], steps[0] + 1
    factors[0] = lr * math.sqrt(1.0 - beta2**t) / (1.0 - beta1**t)
    factors[1] = 1.0 - lr * decay


def sgd(w: Any, g: Any, rate: Any, cursor: Any) -> None:
    """w -= rate * g."""
    _sgd((w,), (w, g), rate, cursor)


def momentum(w: Any, g: Any, m: Any, mu: float, nesterov: bool, rate: Any, cursor: Any) -> None:
    """Heavy-ball or Nesterov momentum; m is the velocity."""
    _momentum((w, m), (w, g, m), rate, cursor, scalar(mu, w), nesterov)


def adagrad(w: Any, g: Any, a: Any, epsilon: float, rate: Any, cursor: Any) -> None:
    """Adagrad; a is the sum of squared gradients."""
    _adagrad((w, a), (w, g, a), rate, cursor, scalar(epsilon, w))


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
    means, eps = (rate, cursor, scalar(rho, w), scalar(1 - rho, w)), scalar(epsilon, w)
    if m.size:
        _rmsprop_with_momentum((w, v, m), (w, g, v, m), *means, scalar(mu, w), eps)
    else:
        _rmsprop((w, v), (w, g, v), *means, eps)


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
    factors = namespace_of(w).empty(2, w.dtype)
    _set_adam_factors(1, factors, float(beta1), float(beta2), float(decay), rate, cursor, steps)
    rests = scalar(1 - beta1, w), scalar(1 - beta2, w)
    _adam((w, m, v), (w, g, m, v), factors, *rests, scalar(epsilon, w))
