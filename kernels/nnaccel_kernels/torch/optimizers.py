"""Optimiser steps in place. Where the rate is not read, NaN is seen to by the device."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

import torch

from nnaccel_kernels.segments import Segment
from nnaccel_kernels.torch import numbers

__all__ = ["adagrad", "adam", "momentum", "moving_average", "rmsprop", "sgd"]

Segments = Sequence[Segment]


def sgd(w: Any, g: Any, segments: Segments, rate: Any, cursor: Any) -> None:
    """w -= rate * g."""
    arrays = g, w
    for lr, _, g, w in _updated(segments, rate, cursor, *arrays):
        w.sub_(g * lr)


def momentum(
    w: Any, g: Any, m: Any, mu: float, nesterov: bool, segments: Segments, rate: Any, cursor: Any
) -> None:
    """Heavy-ball or Nesterov momentum; m is the velocity."""
    arrays = g, w, m
    for lr, _, g, w, m in _updated(segments, rate, cursor, *arrays):
        step = g * lr
        m.mul_(mu).sub_(step)
        w.add_(step.neg_().add_(m, alpha=mu) if nesterov else m)


def adagrad(
    w: Any, g: Any, a: Any, epsilon: float, segments: Segments, rate: Any, cursor: Any
) -> None:
    """Adagrad; a is the sum of squared gradients."""
    arrays = g, w, a
    for lr, _, g, w, a in _updated(segments, rate, cursor, *arrays):
        a.addcmul_(g, g)
        w.sub_((g * lr).div_((a + epsilon).sqrt_()))


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
    arrays = g, w, v, m
    for lr, _, g, w, v, m in _updated(segments, rate, cursor, *arrays):
        v.mul_(rho).addcmul_(g, g, value=1 - rho)
        step = (g * lr).div_((v + epsilon).sqrt_())
        w.sub_(m.mul_(mu).add_(step) if m.numel() else step)


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
    t = numbers.number(steps.to(rate.dtype)) + 1
    correction = (1 - beta2**t) ** 0.5 / (1 - beta1**t)
    arrays = g, w, m, v
    for lr, decays, g, w, m, v in _updated(segments, rate, cursor, *arrays):
        m.lerp_(g, 1 - beta1)
        v.mul_(beta2).addcmul_(g, g, value=1 - beta2)
        if decay and decays:
            w.mul_(1 - lr * decay)
        w.sub_(m.div(v.sqrt().add_(epsilon)).mul_(lr * correction))


def moving_average(w: Any, mean: Any, momentum: float, rate: Any, cursor: Any) -> None:
    """mean += (1 - momentum) * (w - mean), after an update."""
    whole = (Segment(0, len(w), 1.0),)
    arrays = w, mean
    for _, _, w, mean in _updated(whole, rate, cursor, *arrays):
        mean.lerp_(w, 1 - momentum)


def _updated(segments: Segments, rate: Any, cursor: Any, read: Any, *written: Any) -> Iterator[Any]:
    """Yield learning rate, whether there is weight decay, and views of the arrays, by segment.

    Those to be written are copies where the rate is not read, which are then taken unless it is
    NaN.
    """
    now = numbers.number(rate, cursor)
    if numbers.is_read(rate):
        for segment in () if math.isnan(now) else segments:
            places = (a[segment.place] for a in (read, *written))
            yield now * segment.rate_factor, segment.decays, *places
        return
    for segment in segments:
        views = [a[segment.place] for a in written]
        fresh = [view.clone() for view in views]
        yield now * segment.rate_factor, segment.decays, read[segment.place], *fresh
        for view, new in zip(views, fresh, strict=True):
            view.copy_(torch.where(now == now, new, view))
