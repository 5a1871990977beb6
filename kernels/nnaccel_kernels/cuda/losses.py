"""Loss of each row with the gradient of their mean, sums of losses, and accuracy counts."""

from __future__ import annotations

import math
from typing import Any

from nnaccel_kernels.cuda.runtime.index import device
from nnaccel_kernels.cuda.runtime.launch import scalar
from nnaccel_kernels.cuda.skeletons.elementwise import ElementwiseKernel
from nnaccel_kernels.cuda.skeletons.indexed import IndexedKernel
from nnaccel_kernels.cuda.skeletons.reduction import ReductionKernel
from nnaccel_kernels.cuda.skeletons.rows import RowKernel, row_max_and_sum_exp, row_sum

__all__ = [
    "add_sum",
    "binary_cross_entropy",
    "categorical_cross_entropy",
    "count_binary_hits",
    "count_category_hits",
    "mse",
    "sigmoid_cross_entropy",
    "smooth_targets",
    "softmax_cross_entropy",
    "weigh",
]

_EPSILON = 1e-7  # least probability whose logarithm is taken


@device
def _clip(v, low, high):  # type: ignore[no-untyped-def]
    """The nearest number in [low, high]; NaN stays NaN."""
    v = low if v < low else v
    return high if v > high else v


@ElementwiseKernel
def _smooth_targets(targets, factor, term):  # type: ignore[no-untyped-def]
    return targets * factor + term


@RowKernel
def _softmax_cross_entropy(row, lane, lanes, width, shared, dlogits, args):  # type: ignore[no-untyped-def]
    logits, targets, losses, share = args
    zero = dlogits.dtype.type(0)
    largest, total = row_max_and_sum_exp(row, lane, lanes, width, shared, logits)
    log_total = math.log(total)
    loss, weight = zero, zero
    for j in range(lane, width, lanes):
        target = targets[row, j]
        if target != zero:
            loss -= target * (logits[row, j] - largest - log_total)
            weight += target
    loss, weight = row_sum(shared, loss), row_sum(shared, weight)
    for j in range(lane, width, lanes):
        p = math.exp(logits[row, j] - largest) / total
        dlogits[row, j] = (p * weight - targets[row, j]) * share
    if lane == 0 and width > 0:
        losses[row] = loss


@RowKernel
def _sigmoid_cross_entropy(row, lane, lanes, width, shared, dlogits, args):  # type: ignore[no-untyped-def]
    logits, targets, losses, share, per_column = args
    zero, one = dlogits.dtype.type(0), dlogits.dtype.type(1)
    loss = zero
    for j in range(lane, width, lanes):
        z, target = logits[row, j], targets[row, j]
        e = math.exp(-abs(z))
        loss += (zero if z < zero else z) - z * target + math.log1p(e)
        dlogits[row, j] = ((e if z < zero else one) / (one + e) - target) * share
    loss = row_sum(shared, loss)
    if lane == 0 and width > 0:
        losses[row] = loss * per_column


@RowKernel
def _categorical_cross_entropy(row, lane, lanes, width, shared, dp, args):  # type: ignore[no-untyped-def]
    p, targets, losses, share, epsilon = args
    zero, one = dp.dtype.type(0), dp.dtype.type(1)
    loss = zero
    for j in range(lane, width, lanes):
        q = _clip(p[row, j], epsilon, one)
        loss -= targets[row, j] * math.log(q)
        dp[row, j] = -targets[row, j] / q * share if q == p[row, j] else zero
    loss = row_sum(shared, loss)
    if lane == 0 and width > 0:
        losses[row] = loss


@RowKernel
def _binary_cross_entropy(row, lane, lanes, width, shared, dp, args):  # type: ignore[no-untyped-def]
    p, targets, losses, share, per_column, epsilon = args
    zero, one = dp.dtype.type(0), dp.dtype.type(1)
    loss = zero
    for j in range(lane, width, lanes):
        q, target = _clip(p[row, j], epsilon, one - epsilon), targets[row, j]
        loss -= target * math.log(q) + (one - target) * math.log(one - q)
        dp[row, j] = (q - target) / (q * (one - q)) * share if q == p[row, j] else zero
    loss = row_sum(shared, loss)
    if lane == 0 and width > 0:
        losses[row] = loss * per_column


@RowKernel
def _mse(row, lane, lanes, width, shared, dy, args):  # type: ignore[no-untyped-def]
    y, targets, losses, share, per_column = args
    loss = dy.dtype.type(0)
    for j in range(lane, width, lanes):
        error = y[row, j] - targets[row, j]
        loss += error * error
        dy[row, j] = error * share
    loss = row_sum(shared, loss)
    if lane == 0 and width > 0:
        losses[row] = loss * per_column


@IndexedKernel
def _weigh(i, args):  # type: ignore[no-untyped-def]
    weights, losses, gradient = args
    losses[i] *= weights[i]
    for j in range(gradient.shape[1]):
        gradient[i, j] *= weights[i]


@ReductionKernel
def _add_sum(i, args):  # type: ignore[no-untyped-def]
    return args[0][i]


@ReductionKernel
def _category_hits(i, args):  # type: ignore[no-untyped-def]
    outputs, targets = args
    guess = truth = 0
    for j in range(1, outputs.shape[1]):
        guess = j if outputs[i, j] > outputs[i, guess] else guess
        truth = j if targets[i, j] > targets[i, truth] else truth
    return 1.0 if guess == truth else 0.0


@ReductionKernel
def _binary_hits(i, args):  # type: ignore[no-untyped-def]
    outputs, targets, threshold, half, per_column = args
    correct = 0
    for j in range(outputs.shape[1]):
        correct += (outputs[i, j] > threshold) == (targets[i, j] > half)
    return correct * per_column


def softmax_cross_entropy(logits: Any, targets: Any, losses: Any, dlogits: Any) -> None:
    """Each row's cross-entropy of softmax(logits), and the gradient of their mean."""
    _softmax_cross_entropy(dlogits, logits, targets, losses, _reciprocal(len(logits), logits))


def sigmoid_cross_entropy(logits: Any, targets: Any, losses: Any, dlogits: Any) -> None:
    """Each row's mean binary cross-entropy of sigmoid(logits), and the gradient of their mean."""
    shares = _reciprocal(logits.size, logits), _reciprocal(logits.shape[1], logits)
    _sigmoid_cross_entropy(dlogits, logits, targets, losses, *shares)


def categorical_cross_entropy(p: Any, targets: Any, losses: Any, dp: Any) -> None:
    """Each row's cross-entropy of the probabilities p, and the gradient of their mean."""
    epsilon = scalar(_EPSILON, p)
    _categorical_cross_entropy(dp, p, targets, losses, _reciprocal(len(p), p), epsilon)


def binary_cross_entropy(p: Any, targets: Any, losses: Any, dp: Any) -> None:
    """Each row's mean binary cross-entropy of p, and the gradient of their mean."""
    shares = _reciprocal(p.size, p), _reciprocal(p.shape[1], p)
    _binary_cross_entropy(dp, p, targets, losses, *shares, scalar(_EPSILON, p))


def mse(y: Any, targets: Any, losses: Any, dy: Any) -> None:
    """Each row's mean squared error, and the gradient of their mean."""
    shares = scalar(2 / max(1, y.size), y), _reciprocal(y.shape[1], y)
    _mse(dy, y, targets, losses, *shares)


def smooth_targets(targets: Any, share: float, even: float, smoothed: Any) -> None:
    """Move targets towards `even` by a share of the way."""
    line = scalar(1 - share, targets), scalar(share * even, targets)
    _smooth_targets((smoothed.reshape(-1),), (targets.reshape(-1),), *line)


def weigh(weights: Any, losses: Any, gradient: Any) -> None:
    """Multiply each row's loss and gradient by its weight, in place."""
    _weigh(len(weights), weights, losses, gradient)


def add_sum(values: Any, total: Any) -> None:
    """total[0] += sum(values), in double precision."""
    _add_sum(len(values), total, values)


def count_category_hits(outputs: Any, targets: Any, hits: Any) -> None:
    """hits[0] += number of rows whose largest output and largest target share a column."""
    if outputs.size:
        _category_hits(len(outputs), hits, outputs, targets)


def count_binary_hits(outputs: Any, targets: Any, threshold: float, hits: Any) -> None:
    """hits[0] += each row's fraction of outputs on the correct side of the threshold."""
    if outputs.size:
        limits = scalar(threshold, outputs), scalar(0.5, targets)
        _binary_hits(len(outputs), hits, outputs, targets, *limits, 1 / outputs.shape[1])


def _reciprocal(count: int, like: Any) -> Any:
    return scalar(1 / max(1, count), like)
