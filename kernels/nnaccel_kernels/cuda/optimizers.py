"""Optimiser steps over a model's flat parameter buffer.

`rate` holds the learning rate of every batch of the epoch and `cursor` this batch's number;
`steps` counts the updates made before this one. All three are on the device. A rate of NaN leaves
everything as it is.
"""

from __future__ import annotations

import math
from typing import Any

from numba import cuda

from nnaccel_kernels.cuda.runtime.launch import scalar
from nnaccel_kernels.cuda.skeletons.elementwise import Each

__all__ = ["adagrad", "adam", "momentum", "rmsprop", "sgd"]


class Update(Each):
    """Calls body(i, now, args) for every i below a count, with the learning rate of this batch.

    `args` end with `rate` and `cursor`, which the body is not given; a rate of NaN calls nothing.
    """

    def _compile(self, body: Any) -> Any:
        def kernel(count, args):  # type: ignore[no-untyped-def]
            i, now = cuda.grid(1), args[-2][args[-1][0]]
            while i < count and not math.isnan(now):
                body(i, now, args[:-2])
                i += cuda.gridsize(1)

        return kernel


@Update
def _sgd(i, now, args):  # type: ignore[no-untyped-def]
    w, g = args
    w[i] -= w.dtype.type(now) * g[i]


@Update
def _momentum(i, now, args):  # type: ignore[no-untyped-def]
    w, g, m, mu, nesterov = args
    step = w.dtype.type(now) * g[i]
    velocity = mu * m[i] - step
    m[i] = velocity
    w[i] += mu * velocity - step if nesterov else velocity


@Update
def _adagrad(i, now, args):  # type: ignore[no-untyped-def]
    w, g, a, epsilon = args
    total = a[i] + g[i] * g[i]
    a[i] = total
    w[i] -= w.dtype.type(now) * g[i] / math.sqrt(total + epsilon)


@Update
def _rmsprop(i, now, args):  # type: ignore[no-untyped-def]
    w, g, v, rho, rest, epsilon = args
    mean = rho * v[i] + rest * (g[i] * g[i])
    v[i] = mean
    w[i] -= w.dtype.type(now) * g[i] / math.sqrt(mean + epsilon)


@Update
def _rmsprop_with_momentum(i, now, args):  # type: ignore[no-untyped-def]
    w, g, v, m, rho, rest, mu, epsilon = args
    mean = rho * v[i] + rest * (g[i] * g[i])
    v[i] = mean
    step = w.dtype.type(now) * g[i] / math.sqrt(mean + epsilon)
    velocity = mu * m[i] + step
    m[i] = velocity
    w[i] -= velocity


@Update
def _adam(i, now, args):  # type: ignore[no-untyped-def]
    w, g, m, v, rest1, rest2, beta1, beta2, epsilon, decay, steps = args
    mean = m[i] + rest1 * (g[i] - m[i])
    spread = v[i] + rest2 * (g[i] * g[i] - v[i])
    m[i], v[i] = mean, spread
    t = steps[0] + 1
    step = w.dtype.type(now * math.sqrt(1.0 - beta2**t) / (1.0 - beta1**t))
    kept = w[i] * w.dtype.type(1.0 - now * decay)
    w[i] = kept - step * mean / (math.sqrt(spread) + epsilon)


def sgd(w: Any, g: Any, rate: Any, cursor: Any) -> None:
    """w -= rate * g."""
    _sgd(w.size, w, g, rate, cursor)


def momentum(w: Any, g: Any, m: Any, mu: float, nesterov: bool, rate: Any, cursor: Any) -> None:
    """Heavy-ball or Nesterov momentum; m is the velocity."""
    _momentum(w.size, w, g, m, scalar(mu, w), nesterov, rate, cursor)


def adagrad(w: Any, g: Any, a: Any, epsilon: float, rate: Any, cursor: Any) -> None:
    """Adagrad; a is the sum of squared gradients."""
    _adagrad(w.size, w, g, a, scalar(epsilon, w), rate, cursor)


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
    means, small = (scalar(rho, w), scalar(1 - rho, w)), scalar(epsilon, w)
    if m.size:
        _rmsprop_with_momentum(w.size, w, g, v, m, *means, scalar(mu, w), small, rate, cursor)
    else:
        _rmsprop(w.size, w, g, v, *means, small, rate, cursor)


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
    rests = scalar(1 - beta1, w), scalar(1 - beta2, w)
    bases = float(beta1), float(beta2)
    small = scalar(epsilon, w)
    _adam(w.size, w, g, m, v, *rests, *bases, small, float(decay), steps, rate, cursor)
