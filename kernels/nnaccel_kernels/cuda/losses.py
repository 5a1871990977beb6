"""Losses of each row with the gradient of their mean, and what is counted along the way."""

from __future__ import annotations

import math
from typing import Any

from nnaccel_kernels.cuda.runtime.index import device
from nnaccel_kernels.cuda.runtime.launch import scalar
from nnaccel_kernels.cuda.skeletons.elementwise import Each
from nnaccel_kernels.cuda.skeletons.reduction import Total
from nnaccel_kernels.cuda.skeletons.rows import Rows, add_up
from nnaccel_kernels.cuda.softmax import top_and_total

__all__ = [
    "add_sum",
    "binary_cross_entropy",
    "categorical_cross_entropy",
    "count_binary_hits",
    "count_category_hits",
    "mse",
    "sigmoid_cross_entropy",
    "softmax_cross_entropy",
    "weigh",
]

_TINY = 1e-7  # probabilities are kept this far from 0, where the logarithm ends


@device
def within(v, low, high):  # type: ignore[no-untyped-def]
    """The nearest number between two; NaN stays."""
    v = low if v < low else v
    return high if v > high else v


@Rows
def _softmax_cross_entropy(row, lane, lanes, width, shared, dlogits, args):  # type: ignore[no-untyped-def]
    logits, targets, losses, share = args
    zero = dlogits.dtype.type(0)
    top, total = top_and_total(row, lane, lanes, width, shared, logits)
    log_total = math.log(total)
    loss, weight = zero, zero
    for j in range(lane, width, lanes):
        target = targets[row, j]
        if target != zero:
            loss -= target * (logits[row, j] - top - log_total)
            weight += target
    loss, weight = add_up(shared, loss), add_up(shared, weight)
    for j in range(lane, width, lanes):
        p = math.exp(logits[row, j] - top) / total
        dlogits[row, j] = (p * weight - targets[row, j]) * share
    if lane == 0 and width > 0:
        losses[row] = loss


@Rows
def _sigmoid_cross_entropy(row, lane, lanes, width, shared, dlogits, args):  # type: ignore[no-untyped-def]
    logits, targets, losses, share, per_column = args
    zero, one = dlogits.dtype.type(0), dlogits.dtype.type(1)
    loss = zero
    for j in range(lane, width, lanes):
        z, target = logits[row, j], targets[row, j]
        e = math.exp(-abs(z))
        loss += (zero if z < zero else z) - z * target + math.log1p(e)
        dlogits[row, j] = ((e if z < zero else one) / (one + e) - target) * share
    loss = add_up(shared, loss)
    if lane == 0 and width > 0:
        losses[row] = loss * per_column


@Rows
def _categorical_cross_entropy(row, lane, lanes, width, shared, dp, args):  # type: ignore[no-untyped-def]
    p, targets, losses, share, tiny = args
    zero, one = dp.dtype.type(0), dp.dtype.type(1)
    loss = zero
    for j in range(lane, width, lanes):
        q = within(p[row, j], tiny, one)
        loss -= targets[row, j] * math.log(q)
        dp[row, j] = -targets[row, j] / q * share if q == p[row, j] else zero
    loss = add_up(shared, loss)
    if lane == 0 and width > 0:
        losses[row] = loss


@Rows
def _binary_cross_entropy(row, lane, lanes, width, shared, dp, args):  # type: ignore[no-untyped-def]
    p, targets, losses, share, per_column, tiny = args
    zero, one = dp.dtype.type(0), dp.dtype.type(1)
    loss = zero
    for j in range(lane, width, lanes):
        q, target = within(p[row, j], tiny, one - tiny), targets[row, j]
        loss -= target * math.log(q) + (one - target) * math.log(one - q)
        dp[row, j] = (q - target) / (q * (one - q)) * share if q == p[row, j] else zero
    loss = add_up(shared, loss)
    if lane == 0 and width > 0:
        losses[row] = loss * per_column


@Rows
def _mse(row, lane, lanes, width, shared, dy, args):  # type: ignore[no-untyped-def]
    y, targets, losses, share, per_column = args
    loss = dy.dtype.type(0)
    for j in range(lane, width, lanes):
        error = y[row, j] - targets[row, j]
        loss += error * error
        dy[row, j] = error * share
    loss = add_up(shared, loss)
    if lane == 0 and width > 0:
        losses[row] = loss * per_column


@Each
def _weigh(i, args):  # type: ignore[no-untyped-def]
    weights, losses, gradient = args
    losses[i] *= weights[i]
    for j in range(gradient.shape[1]):
        gradient[i, j] *= weights[i]


@Total
def _values(i, args):  # type: ignore[no-untyped-def]
    return args[0][i]


@Total
def _category_hits(i, args):  # type: ignore[no-untyped-def]
    outputs, targets = args
    guess = truth = 0
    for j in range(1, outputs.shape[1]):
        guess = j if outputs[i, j] > outputs[i, guess] else guess
        truth = j if targets[i, j] > targets[i, truth] else truth
    return 1.0 if guess == truth else 0.0


@Total
def _binary_hits(i, args):  # type: ignore[no-untyped-def]
    outputs, targets, threshold, half, per_column = args
    right = 0
    for j in range(outputs.shape[1]):
        right += (outputs[i, j] > threshold) == (targets[i, j] > half)
    return right * per_column


def softmax_cross_entropy(logits: Any, targets: Any, losses: Any, dlogits: Any) -> None:
    """Each row's cross-entropy of softmax(logits), and the gradient of their mean."""
    _softmax_cross_entropy(dlogits, logits, targets, losses, _share(len(logits), logits))


def sigmoid_cross_entropy(logits: Any, targets: Any, losses: Any, dlogits: Any) -> None:
    """Each row's mean binary cross-entropy of sigmoid(logits), and the gradient of their mean."""
    shares = _share(logits.size, logits), _share(logits.shape[1], logits)
    _sigmoid_cross_entropy(dlogits, logits, targets, losses, *shares)


def categorical_cross_entropy(p: Any, targets: Any, losses: Any, dp: Any) -> None:
    """Each row's cross-entropy of the probabilities p, and the gradient of their mean."""
    tiny = scalar(_TINY, p)
    _categorical_cross_entropy(dp, p, targets, losses, _share(len(p), p), tiny)


def binary_cross_entropy(p: Any, targets: Any, losses: Any, dp: Any) -> None:
    """Each row's mean binary cross-entropy of p, and the gradient of their mean."""
    shares = _share(p.size, p), _share(p.shape[1], p)
    _binary_cross_entropy(dp, p, targets, losses, *shares, scalar(_TINY, p))


def mse(y: Any, targets: Any, losses: Any, dy: Any) -> None:
    """Each row's mean squared error, and the gradient of their mean."""
    shares = scalar(2 / max(1, y.size), y), _share(y.shape[1], y)
    _mse(dy, y, targets, losses, *shares)


def weigh(weights: Any, losses: Any, gradient: Any) -> None:
    """Multiply each row's loss and gradient by its weight, in place."""
    _weigh(len(weights), weights, losses, gradient)


def add_sum(values: Any, total: Any) -> None:
    """total[0] += sum(values), in double precision."""
    _values(len(values), total, values)


def count_category_hits(outputs: Any, targets: Any, hits: Any) -> None:
    """hits[0] += rows whose largest output stands where the largest target does."""
    if outputs.size:
        _category_hits(len(outputs), hits, outputs, targets)


def count_binary_hits(outputs: Any, targets: Any, threshold: float, hits: Any) -> None:
    """hits[0] += each row's share of outputs on the right side of the threshold."""
    if outputs.size:
        limits = scalar(threshold, outputs), scalar(0.5, targets)
        _binary_hits(len(outputs), hits, outputs, targets, *limits, 1 / outputs.shape[1])


def _share(count: int, like: Any) -> Any:
    return scalar(1 / max(1, count), like)
