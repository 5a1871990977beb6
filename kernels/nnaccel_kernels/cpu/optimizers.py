"""Optimiser updates of a model's flat parameter buffer, one fused pass each.

`rate` holds the learning rates of all batches of the epoch, and `cursor` the number of this batch,
so that a recorded step follows a schedule. `steps` counts the updates before this one. A rate of
NaN means no update.
"""

from __future__ import annotations

import math

import numpy as np

from nnaccel_kernels.cpu.runtime.kernel import kernel
from nnaccel_kernels.cpu.runtime.sharing import part, threads_for

__all__ = ["adagrad", "adam", "momentum", "rmsprop", "sgd"]


@kernel
def _sgd(rank, size, w, g, rate, cursor):  # type: ignore[no-untyped-def]
    if math.isnan(rate[cursor[0]]):
        return
    step = w.dtype.type(rate[cursor[0]])
    w, g = part(w, rank, size), part(g, rank, size)
    for i in range(w.size):
        w[i] -= step * g[i]


@kernel
def _momentum(rank, size, w, g, m, hyper, nesterov, rate, cursor):  # type: ignore[no-untyped-def]
    if math.isnan(rate[cursor[0]]):
        return
    step, mu = w.dtype.type(rate[cursor[0]]), w.dtype.type(hyper[0])
    w, m, g = part(w, rank, size), part(m, rank, size), part(g, rank, size)
    if nesterov:
        for i in range(w.size):
            v = mu * m[i] - step * g[i]
            m[i] = v
            w[i] += mu * v - step * g[i]
    else:
        for i in range(w.size):
            v = mu * m[i] - step * g[i]
            m[i] = v
            w[i] += v


@kernel
def _adagrad(rank, size, w, g, a, hyper, rate, cursor):  # type: ignore[no-untyped-def]
    if math.isnan(rate[cursor[0]]):
        return
    step, epsilon = w.dtype.type(rate[cursor[0]]), w.dtype.type(hyper[0])
    w, a, g = part(w, rank, size), part(a, rank, size), part(g, rank, size)
    for i in range(w.size):
        s = a[i] + g[i] * g[i]
        a[i] = s
        w[i] -= step * g[i] / math.sqrt(s + epsilon)


@kernel
def _rmsprop(rank, size, w, g, v, m, hyper, rate, cursor):  # type: ignore[no-untyped-def]
    if math.isnan(rate[cursor[0]]):
        return
    step, one = w.dtype.type(rate[cursor[0]]), w.dtype.type(1)
    rho, mu, epsilon = (w.dtype.type(hyper[0]), w.dtype.type(hyper[1]), w.dtype.type(hyper[2]))
    w, v, g, m = part(w, rank, size), part(v, rank, size), part(g, rank, size), part(m, rank, size)
    if m.size == 0:
        for i in range(w.size):
            s = rho * v[i] + (one - rho) * (g[i] * g[i])
            v[i] = s
            w[i] -= step * g[i] / math.sqrt(s + epsilon)
    else:
        for i in range(w.size):
            s = rho * v[i] + (one - rho) * (g[i] * g[i])
            v[i] = s
            d = mu * m[i] + step * g[i] / math.sqrt(s + epsilon)
            m[i] = d
            w[i] -= d


@kernel
def _adam(rank, size, w, g, m, v, hyper, rate, cursor, steps):  # type: ignore[no-untyped-def]
    if math.isnan(rate[cursor[0]]):
        return
    beta1, beta2, decay = hyper[0], hyper[1], hyper[3]
    t = steps[0] + 1
    learning_rate = rate[cursor[0]]
    step = w.dtype.type(learning_rate * math.sqrt(1.0 - beta2**t) / (1.0 - beta1**t))
    keep, epsilon = w.dtype.type(1.0 - learning_rate * decay), w.dtype.type(hyper[2])
    c1, c2 = w.dtype.type(1.0 - beta1), w.dtype.type(1.0 - beta2)
    w, m, g, v = part(w, rank, size), part(m, rank, size), part(g, rank, size), part(v, rank, size)
    for i in range(w.size):
        first = m[i] + c1 * (g[i] - m[i])
        second = v[i] + c2 * (g[i] * g[i] - v[i])
        m[i], v[i] = first, second
        w[i] = w[i] * keep - step * first / (math.sqrt(second) + epsilon)


def sgd(w: np.ndarray, g: np.ndarray, rate: np.ndarray, cursor: np.ndarray) -> None:
    """w -= rate * g."""
    _sgd(w, g, rate, cursor, width=_width(w, 1))


def momentum(
    w: np.ndarray,
    g: np.ndarray,
    m: np.ndarray,
    mu: float,
    nesterov: bool,
    rate: np.ndarray,
    cursor: np.ndarray,
) -> None:
    """Heavy-ball or Nesterov momentum; m is the velocity."""
    _momentum(w, g, m, np.array([mu]), int(nesterov), rate, cursor, width=_width(w, 2))


def adagrad(
    w: np.ndarray,
    g: np.ndarray,
    a: np.ndarray,
    epsilon: float,
    rate: np.ndarray,
    cursor: np.ndarray,
) -> None:
    """Adagrad; a is the sum of squared gradients."""
    _adagrad(w, g, a, np.array([epsilon]), rate, cursor, width=_width(w, 4))


def rmsprop(
    w: np.ndarray,
    g: np.ndarray,
    v: np.ndarray,
    m: np.ndarray,
    rho: float,
    mu: float,
    epsilon: float,
    rate: np.ndarray,
    cursor: np.ndarray,
) -> None:
    """RMSprop; v averages the squared gradient, m is the velocity (empty without momentum)."""
    hyper = np.array([rho, mu, epsilon])
    _rmsprop(w, g, v, m, hyper, rate, cursor, width=_width(w, 4))


def adam(
    w: np.ndarray,
    g: np.ndarray,
    m: np.ndarray,
    v: np.ndarray,
    beta1: float,
    beta2: float,
    epsilon: float,
    decay: float,
    rate: np.ndarray,
    cursor: np.ndarray,
    steps: np.ndarray,
) -> None:
    """Adam with decoupled weight decay (0 for plain Adam)."""
    hyper = np.array([beta1, beta2, epsilon, decay])
    _adam(w, g, m, v, hyper, rate, cursor, steps, width=_width(w, 5))


def _width(w: np.ndarray, work: float) -> int:
    return threads_for(w.size * work)
