"""Optimiser steps over a model's flat parameter buffer.

`rate` holds the learning rate of each batch of the epoch, `cursor` the index of this batch, and
`steps` the number of updates so far. All three are on the device. A rate of NaN skips the update.
"""

from __future__ import annotations

import math
from typing import Any

from numba import cuda

from nnaccel_kernels.cuda.runtime.launch import scalar
from nnaccel_kernels.cuda.runtime.namespace import namespace_of
from nnaccel_kernels.cuda.skeletons.elementwise import ElementwiseKernel

__all__ = ["adagrad", "adam", "momentum", "rmsprop", "sgd"]


class UpdateKernel(ElementwiseKernel):
    """Calls body(i, lr, args) for every i in range(count), with the learning rate of this batch.

    The arguments end with `rate` and `cursor`, which are not passed on to the body.
    """

    def _compile(self, body: Any) -> Any:
        def kernel(count, args):  # type: ignore[no-untyped-def]
            i, lr = cuda.grid(1), args[-2][args[-1][0]]
            while i < count and not math.isnan(lr):
                body(i, lr, args[:-2])
                i += cuda.gridsize(1)

        return kernel


@UpdateKernel
def _sgd(i, lr, args):  # type: ignore[no-untyped-def]
    w, g = args
    w[i] -= w.dtype.type(lr) * g[i]


@UpdateKernel
def _momentum(i, lr, args):  # type: ignore[no-untyped-def]
    w, g, m, mu, nesterov = args
    step = w.dtype.type(lr) * g[i]
    velocity = mu * m[i] - step
    m[i] = velocity
    w[i] += mu * velocity - step if nesterov else velocity


@UpdateKernel
def _adagrad(i, lr, args):  # type: ignore[no-untyped-def]
    w, g, a, epsilon = args
    total = a[i] + g[i] * g[i]
    a[i] = total
    w[i] -= w.dtype.type(lr) * g[i] / math.sqrt(total + epsilon)


@UpdateKernel
def _rmsprop(i, lr, args):  # type: ignore[no-untyped-def]
    w, g, v, rho, rest, epsilon = args
    mean = rho * v[i] + rest * (g[i] * g[i])
    v[i] = mean
    w[i] -= w.dtype.type(lr) * g[i] / math.sqrt(mean + epsilon)


@UpdateKernel
def _rmsprop_with_momentum(i, lr, args):  # type: ignore[no-untyped-def]
    w, g, v, m, rho, rest, mu, epsilon = args
    mean = rho * v[i] + rest * (g[i] * g[i])
    v[i] = mean
    step = w.dtype.type(lr) * g[i] / math.sqrt(mean + epsilon)
    velocity = mu * m[i] + step
    m[i] = velocity
    w[i] -= velocity


@UpdateKernel
def _adam_factors(i, lr, args):  # type: ignore[no-untyped-def]
    """What every element needs, in float64 and only once: powers are slow."""
    beta1, beta2, decay, steps, factors = args
    t = steps[0] + 1
    factors[0] = lr * math.sqrt(1.0 - beta2**t) / (1.0 - beta1**t)
    factors[1] = 1.0 - lr * decay


@UpdateKernel
def _adam(i, lr, args):  # type: ignore[no-untyped-def]
    w, g, m, v, rest1, rest2, epsilon, factors = args
    mean = m[i] + rest1 * (g[i] - m[i])
    square = v[i] + rest2 * (g[i] * g[i] - v[i])
    m[i], v[i] = mean, square
    w[i] = w[i] * factors[1] - factors[0] * mean / (math.sqrt(square) + epsilon)


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
    means, eps = (scalar(rho, w), scalar(1 - rho, w)), scalar(epsilon, w)
    if m.size:
        _rmsprop_with_momentum(w.size, w, g, v, m, *means, scalar(mu, w), eps, rate, cursor)
    else:
        _rmsprop(w.size, w, g, v, *means, eps, rate, cursor)


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
    factors, now = namespace_of(w).empty(2, w.dtype), (rate, cursor)
    _adam_factors(1, float(beta1), float(beta2), float(decay), steps, factors, *now)
    rests = scalar(1 - beta1, w), scalar(1 - beta2, w)
    _adam(w.size, w, g, m, v, *rests, scalar(epsilon, w), factors, *now)
