"""Optimiser updates of a model's flat parameter buffer, one fused pass each.

`rate` holds the learning rates of all batches of the epoch, and `cursor` the number of this batch,
so that a recorded step follows a schedule. `steps` counts the updates before this one. A rate of
NaN means no update. `places` has start and stop of each segment of the buffer, and `factors` what
learning rate and weight decay are multiplied by there.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from nnaccel_kernels.cpu.runtime.jit import njit
from nnaccel_kernels.cpu.runtime.kernel import kernel
from nnaccel_kernels.cpu.runtime.sharing import part, threads_for
from nnaccel_kernels.segments import Segment

__all__ = ["adagrad", "adam", "momentum", "moving_average", "rmsprop", "sgd"]

Segments = Sequence[Segment]


@njit(nogil=True, inline="always")
def _own(a, places, s, rank, size):  # type: ignore[no-untyped-def]
    """A thread's share of segment `s` of the flat array `a`."""
    return part(a[places[s, 0] : places[s, 1]], rank, size)


@kernel
def _sgd(rank, size, w, g, places, factors, rate, cursor):  # type: ignore[no-untyped-def]
    if math.isnan(rate[cursor[0]]):
        return
    for s in range(places.shape[0]):
        step = w.dtype.type(rate[cursor[0]] * factors[s, 0])
        ws, gs = _own(w, places, s, rank, size), _own(g, places, s, rank, size)
        for i in range(ws.size):
            ws[i] -= step * gs[i]


@kernel
def _momentum(rank, size, w, g, m, hyper, nesterov, places, factors, rate, cursor):  # type: ignore[no-untyped-def]
    if math.isnan(rate[cursor[0]]):
        return
    mu = w.dtype.type(hyper[0])
    for s in range(places.shape[0]):
        step = w.dtype.type(rate[cursor[0]] * factors[s, 0])
        ws, gs = _own(w, places, s, rank, size), _own(g, places, s, rank, size)
        ms = _own(m, places, s, rank, size)
        if nesterov:
            for i in range(ws.size):
                v = mu * ms[i] - step * gs[i]
                ms[i] = v
                ws[i] += mu * v - step * gs[i]
        else:
            for i in range(ws.size):
                v = mu * ms[i] - step * gs[i]
                ms[i] = v
                ws[i] += v


@kernel
def _adagrad(rank, size, w, g, a, hyper, places, factors, rate, cursor):  # type: ignore[no-untyped-def]
    if math.isnan(rate[cursor[0]]):
        return
    epsilon = w.dtype.type(hyper[0])
    for s in range(places.shape[0]):
        step = w.dtype.type(rate[cursor[0]] * factors[s, 0])
        ws, gs = _own(w, places, s, rank, size), _own(g, places, s, rank, size)
        sums = _own(a, places, s, rank, size)
        for i in range(ws.size):
            total = sums[i] + gs[i] * gs[i]
            sums[i] = total
            ws[i] -= step * gs[i] / math.sqrt(total + epsilon)


@kernel
def _rmsprop(rank, size, w, g, v, m, hyper, places, factors, rate, cursor):  # type: ignore[no-untyped-def]
    if math.isnan(rate[cursor[0]]):
        return
    one = w.dtype.type(1)
    rho, mu, epsilon = (w.dtype.type(hyper[0]), w.dtype.type(hyper[1]), w.dtype.type(hyper[2]))
    for s in range(places.shape[0]):
        step = w.dtype.type(rate[cursor[0]] * factors[s, 0])
        ws, gs = _own(w, places, s, rank, size), _own(g, places, s, rank, size)
        vs = _own(v, places, s, rank, size)
        if m.size == 0:
            for i in range(ws.size):
                mean = rho * vs[i] + (one - rho) * (gs[i] * gs[i])
                vs[i] = mean
                ws[i] -= step * gs[i] / math.sqrt(mean + epsilon)
        else:
            ms = _own(m, places, s, rank, size)
            for i in range(ws.size):
                mean = rho * vs[i] + (one - rho) * (gs[i] * gs[i])
                vs[i] = mean
                d = mu * ms[i] + step * gs[i] / math.sqrt(mean + epsilon)
                ms[i] = d
                ws[i] -= d


@kernel
def _adam(rank, size, w, g, m, v, hyper, places, factors, rate, cursor, steps):  # type: ignore[no-untyped-def]
    if math.isnan(rate[cursor[0]]):
        return
    beta1, beta2, decay = hyper[0], hyper[1], hyper[3]
    t = steps[0] + 1
    epsilon = w.dtype.type(hyper[2])
    c1, c2 = w.dtype.type(1.0 - beta1), w.dtype.type(1.0 - beta2)
    for s in range(places.shape[0]):
        learning_rate = rate[cursor[0]] * factors[s, 0]
        step = w.dtype.type(learning_rate * math.sqrt(1.0 - beta2**t) / (1.0 - beta1**t))
        keep = w.dtype.type(1.0 - learning_rate * (decay * factors[s, 1]))
        ws, gs = _own(w, places, s, rank, size), _own(g, places, s, rank, size)
        ms, vs = _own(m, places, s, rank, size), _own(v, places, s, rank, size)
        for i in range(ws.size):
            first = ms[i] + c1 * (gs[i] - ms[i])
            second = vs[i] + c2 * (gs[i] * gs[i] - vs[i])
            ms[i], vs[i] = first, second
            ws[i] = ws[i] * keep - step * first / (math.sqrt(second) + epsilon)


@kernel
def _moving_average(rank, size, w, mean, momentum, rate, cursor):  # type: ignore[no-untyped-def]
    if math.isnan(rate[cursor[0]]):
        return
    share = w.dtype.type(1.0 - momentum[0])
    w, mean = part(w, rank, size), part(mean, rank, size)
    for i in range(w.size):
        mean[i] += share * (w[i] - mean[i])


def sgd(
    w: np.ndarray, g: np.ndarray, segments: Segments, rate: np.ndarray, cursor: np.ndarray
) -> None:
    """w -= rate * g."""
    _sgd(w, g, *_table(segments), rate, cursor, width=_width(w, 1))


def momentum(
    w: np.ndarray,
    g: np.ndarray,
    m: np.ndarray,
    mu: float,
    nesterov: bool,
    segments: Segments,
    rate: np.ndarray,
    cursor: np.ndarray,
) -> None:
    """Heavy-ball or Nesterov momentum; m is the velocity."""
    hyper, table = np.array([mu]), _table(segments)
    _momentum(w, g, m, hyper, int(nesterov), *table, rate, cursor, width=_width(w, 2))


def adagrad(
    w: np.ndarray,
    g: np.ndarray,
    a: np.ndarray,
    epsilon: float,
    segments: Segments,
    rate: np.ndarray,
    cursor: np.ndarray,
) -> None:
    """Adagrad; a is the sum of squared gradients."""
    hyper = np.array([epsilon])
    _adagrad(w, g, a, hyper, *_table(segments), rate, cursor, width=_width(w, 4))


def rmsprop(
    w: np.ndarray,
    g: np.ndarray,
    v: np.ndarray,
    m: np.ndarray,
    rho: float,
    mu: float,
    epsilon: float,
    segments: Segments,
    rate: np.ndarray,
    cursor: np.ndarray,
) -> None:
    """RMSprop; v averages the squared gradient, m is the velocity (empty without momentum)."""
    hyper = np.array([rho, mu, epsilon])
    _rmsprop(w, g, v, m, hyper, *_table(segments), rate, cursor, width=_width(w, 4))


def adam(
    w: np.ndarray,
    g: np.ndarray,
    m: np.ndarray,
    v: np.ndarray,
    beta1: float,
    beta2: float,
    epsilon: float,
    decay: float,
    segments: Segments,
    rate: np.ndarray,
    cursor: np.ndarray,
    steps: np.ndarray,
) -> None:
    """Adam with decoupled weight decay (0 for plain Adam)."""
    hyper = np.array([beta1, beta2, epsilon, decay])
    _adam(w, g, m, v, hyper, *_table(segments), rate, cursor, steps, width=_width(w, 5))


def moving_average(
    w: np.ndarray, mean: np.ndarray, momentum: float, rate: np.ndarray, cursor: np.ndarray
) -> None:
    """mean += (1 - momentum) * (w - mean), after an update."""
    _moving_average(w, mean, np.array([momentum]), rate, cursor, width=_width(w, 2))


def _table(segments: Segments) -> tuple[np.ndarray, np.ndarray]:
    """Return places and factors of the segments."""
    places = np.array([(s.start, s.stop) for s in segments], np.int64).reshape(-1, 2)
    factors = np.array([(s.rate_factor, s.decays) for s in segments], np.float64)
    return places, factors.reshape(-1, 2)


def _width(w: np.ndarray, work: float) -> int:
    return threads_for(w.size * work)
