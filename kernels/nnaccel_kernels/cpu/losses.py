"""The loss of each row with the gradient of their mean, sums of losses, and counts of hits."""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from nnaccel_kernels.cpu.runtime.kernel import kernel
from nnaccel_kernels.cpu.runtime.sharing import part, share, threads_for
from nnaccel_kernels.cpu.softmax import softmax_row

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

_WORK = 40.0  # about the floating-point operations for an element of a cross-entropy


@kernel
def _softmax_cross_entropy(rank, size, logits, targets, losses, dlogits):  # type: ignore[no-untyped-def]
    scale = logits.dtype.type(1.0 / max(1, logits.shape[0]))
    lo, hi = share(logits.shape[0], rank, size)
    for i in range(lo, hi):
        largest, log_total = softmax_row(logits[i], dlogits[i])
        loss = logits.dtype.type(0)
        weight = logits.dtype.type(0)
        for j in range(logits.shape[1]):
            weight += targets[i, j]
            if targets[i, j] != 0:
                loss += targets[i, j] * (log_total + (largest - logits[i, j]))
        losses[i] = loss
        for j in range(logits.shape[1]):
            dlogits[i, j] = (dlogits[i, j] * weight - targets[i, j]) * scale


@kernel
def _sigmoid_cross_entropy(rank, size, logits, targets, losses, dlogits):  # type: ignore[no-untyped-def]
    one, zero = logits.dtype.type(1), logits.dtype.type(0)
    mean = logits.dtype.type(1.0 / max(1, logits.shape[1]))
    scale = logits.dtype.type(1.0 / max(1, logits.size))
    lo, hi = share(logits.shape[0], rank, size)
    for i in range(lo, hi):
        loss = zero
        for j in range(logits.shape[1]):
            x, t = logits[i, j], targets[i, j]
            e = math.exp(-abs(x))
            loss += (zero if x < zero else x) - x * t + math.log1p(e)
            p = one / (one + e) if x >= zero else e / (one + e)
            dlogits[i, j] = (p - t) * scale
        losses[i] = loss * mean


@kernel
def _categorical_cross_entropy(rank, size, p, targets, losses, dp):  # type: ignore[no-untyped-def]
    scale = p.dtype.type(1.0 / max(1, p.shape[0]))
    tiny, zero, one = p.dtype.type(1e-7), p.dtype.type(0), p.dtype.type(1)
    lo, hi = share(p.shape[0], rank, size)
    for i in range(lo, hi):
        loss = p.dtype.type(0)
        for j in range(p.shape[1]):
            q = tiny if p[i, j] < tiny else p[i, j]
            q = one if q > one else q
            loss -= targets[i, j] * math.log(q)
            clipped = p[i, j] < tiny or p[i, j] > one
            dp[i, j] = zero if clipped else -targets[i, j] / q * scale
        losses[i] = loss


@kernel
def _binary_cross_entropy(rank, size, p, targets, losses, dp):  # type: ignore[no-untyped-def]
    zero, one, tiny = p.dtype.type(0), p.dtype.type(1), p.dtype.type(1e-7)
    mean = p.dtype.type(1.0 / max(1, p.shape[1]))
    scale = p.dtype.type(1.0 / max(1, p.size))
    lo, hi = share(p.shape[0], rank, size)
    for i in range(lo, hi):
        loss = p.dtype.type(0)
        for j in range(p.shape[1]):
            q, t = p[i, j], targets[i, j]
            q = tiny if q < tiny else q
            q = one - tiny if q > one - tiny else q
            loss -= t * math.log(q) + (one - t) * math.log(one - q)
            clipped = p[i, j] < tiny or p[i, j] > one - tiny
            dp[i, j] = zero if clipped else (q - t) / (q * (one - q)) * scale
        losses[i] = loss * mean


@kernel
def _mse(rank, size, y, targets, losses, dy):  # type: ignore[no-untyped-def]
    mean = y.dtype.type(1.0 / max(1, y.shape[1]))
    scale = y.dtype.type(2.0 / max(1, y.size))
    lo, hi = share(y.shape[0], rank, size)
    for i in range(lo, hi):
        loss = y.dtype.type(0)
        for j in range(y.shape[1]):
            error = y[i, j] - targets[i, j]
            loss += error * error
            dy[i, j] = error * scale
        losses[i] = loss * mean


@kernel
def _smooth_targets(rank, size, targets, line, smoothed):  # type: ignore[no-untyped-def]
    factor, term = targets.dtype.type(line[0]), targets.dtype.type(line[1])
    targets, smoothed = part(targets, rank, size), part(smoothed, rank, size)
    for i in range(smoothed.size):
        smoothed[i] = targets[i] * factor + term


@kernel
def _weigh(rank, size, weights, losses, gradient):  # type: ignore[no-untyped-def]
    lo, hi = share(losses.shape[0], rank, size)
    for i in range(lo, hi):
        losses[i] *= weights[i]
        for j in range(gradient.shape[1]):
            gradient[i, j] *= weights[i]


@kernel
def _add_sum(rank, size, values, total):  # type: ignore[no-untyped-def]
    for i in range(values.shape[0]):
        total[0] += values[i]


@kernel
def _count_category_hits(rank, size, outputs, targets, hits):  # type: ignore[no-untyped-def]
    count = 0
    for i in range(outputs.shape[0]):
        count += _largest(outputs[i]) == _largest(targets[i])
    hits[0] += count


@njit(nogil=True, inline="always")
def _largest(row):  # type: ignore[no-untyped-def]
    """argmax of a row; the first one of equals."""
    best, place = row[0], 0
    for j in range(1, row.size):
        if row[j] > best:
            best, place = row[j], j
    return place


@kernel
def _count_binary_hits(rank, size, outputs, targets, threshold, hits):  # type: ignore[no-untyped-def]
    for i in range(outputs.shape[0]):
        row = 0
        for j in range(outputs.shape[1]):
            row += (outputs[i, j] > threshold[0]) == (targets[i, j] > 0.5)
        hits[0] += row / outputs.shape[1]


def softmax_cross_entropy(
    logits: np.ndarray, targets: np.ndarray, losses: np.ndarray, dlogits: np.ndarray
) -> None:
    """Cross-entropy of softmax(logits) for each row, and the gradient of their mean."""
    _softmax_cross_entropy(logits, targets, losses, dlogits, width=_width(logits))


def sigmoid_cross_entropy(
    logits: np.ndarray, targets: np.ndarray, losses: np.ndarray, dlogits: np.ndarray
) -> None:
    """Mean binary cross-entropy of sigmoid(logits) for each row, and the gradient of their mean."""
    _sigmoid_cross_entropy(logits, targets, losses, dlogits, width=_width(logits))


def categorical_cross_entropy(
    p: np.ndarray, targets: np.ndarray, losses: np.ndarray, dp: np.ndarray
) -> None:
    """Cross-entropy of probabilities p for each row, and the gradient of their mean."""
    _categorical_cross_entropy(p, targets, losses, dp, width=_width(p))


def binary_cross_entropy(
    p: np.ndarray, targets: np.ndarray, losses: np.ndarray, dp: np.ndarray
) -> None:
    """Mean binary cross-entropy of probabilities p for each row, and the gradient of their mean."""
    _binary_cross_entropy(p, targets, losses, dp, width=_width(p))


def mse(y: np.ndarray, targets: np.ndarray, losses: np.ndarray, dy: np.ndarray) -> None:
    """Mean squared error for each row, and the gradient of their mean."""
    _mse(y, targets, losses, dy, width=threads_for(y.size * 4.0))


def smooth_targets(targets: np.ndarray, share: float, even: float, smoothed: np.ndarray) -> None:
    """Move targets towards `even` by a share of the way."""
    line, width = np.array([1 - share, share * even]), threads_for(targets.size)
    _smooth_targets(targets.reshape(-1), line, smoothed.reshape(-1), width=width)


def weigh(weights: np.ndarray, losses: np.ndarray, gradient: np.ndarray) -> None:
    """Multiply each row's loss and gradient by its weight, in place."""
    _weigh(weights, losses, gradient, width=_width(gradient))


def add_sum(values: np.ndarray, total: np.ndarray) -> None:
    """total[0] += sum(values), in double precision."""
    _add_sum(values, total)


def count_category_hits(outputs: np.ndarray, targets: np.ndarray, hits: np.ndarray) -> None:
    """hits[0] += the number of rows with argmax(outputs) == argmax(targets)."""
    _count_category_hits(outputs, targets, hits)


def count_binary_hits(
    outputs: np.ndarray, targets: np.ndarray, threshold: float, hits: np.ndarray
) -> None:
    """hits[0] += the fraction of outputs on the right side of the threshold, for each row."""
    _count_binary_hits(outputs, targets, np.array([threshold]), hits)


def _width(logits: np.ndarray) -> int:
    return threads_for(logits.size * _WORK)
