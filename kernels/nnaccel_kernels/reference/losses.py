"""Losses of each row with the gradient of their mean, and the sums and counts of metrics."""

from __future__ import annotations

import math
from typing import Any

from nnaccel_kernels.reference.activation import activate
from nnaccel_kernels.reference.namespace import namespace
from nnaccel_kernels.reference.softmax import log_softmax

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

_TINY = 1e-7  # probabilities are clipped this far from 0, where the logarithm ends


def softmax_cross_entropy(logits: Any, targets: Any, losses: Any, dlogits: Any) -> None:
    """Each row's cross-entropy of softmax(logits), and the gradient of their mean."""
    xp = namespace(logits)
    log_softmax(logits, dlogits)
    losses[...] = -xp.sum(targets * xp.where(targets != 0, dlogits, 0), axis=1)
    weight = xp.sum(targets, axis=1, keepdims=True)
    dlogits[...] = (xp.exp(dlogits) * weight - targets) / max(1, logits.shape[0])


def sigmoid_cross_entropy(logits: Any, targets: Any, losses: Any, dlogits: Any) -> None:
    """Each row's mean binary cross-entropy of sigmoid(logits), and the gradient of their mean."""
    xp = namespace(logits)
    each = xp.maximum(logits, 0) - logits * targets + xp.log1p(xp.exp(-xp.abs(logits)))
    losses[...] = xp.sum(each, axis=1) / max(1, logits.shape[1])
    activate("sigmoid", 0.0, logits, dlogits)
    dlogits[...] = (dlogits - targets) / max(1, math.prod(logits.shape))


def categorical_cross_entropy(p: Any, targets: Any, losses: Any, dp: Any) -> None:
    """Each row's cross-entropy of the probabilities p, and the gradient of their mean."""
    xp = namespace(p)
    q = xp.clip(p, _TINY, 1.0)
    losses[...] = -xp.sum(targets * xp.log(q), axis=1)
    dp[...] = xp.where((p < _TINY) | (p > 1), 0, -targets / q) / max(1, p.shape[0])


def binary_cross_entropy(p: Any, targets: Any, losses: Any, dp: Any) -> None:
    """Each row's mean binary cross-entropy of p, and the gradient of their mean."""
    xp = namespace(p)
    q = xp.clip(p, _TINY, 1 - _TINY)
    each = -(targets * xp.log(q) + (1 - targets) * xp.log(1 - q))
    losses[...] = xp.sum(each, axis=1) / max(1, p.shape[1])
    clipped = (p < _TINY) | (p > 1 - _TINY)
    dp[...] = xp.where(clipped, 0, (q - targets) / (q * (1 - q))) / max(1, math.prod(p.shape))


def mse(y: Any, targets: Any, losses: Any, dy: Any) -> None:
    """Each row's mean squared error, and the gradient of their mean."""
    error = y - targets
    losses[...] = namespace(y).sum(error * error, axis=1) / max(1, y.shape[1])
    dy[...] = error * (2.0 / max(1, math.prod(y.shape)))


def smooth_targets(targets: Any, share: float, even: float, smoothed: Any) -> None:
    """Move targets towards `even` by a share of the way."""
    smoothed[...] = targets * (1 - share) + share * even


def weigh(weights: Any, losses: Any, gradient: Any) -> None:
    """Multiply each row's loss and gradient by its weight, in place."""
    losses *= weights
    gradient *= weights[:, None]


def add_sum(values: Any, total: Any) -> None:
    """total[0] += sum(values), in the precision of `total`."""
    total += namespace(values).sum(values, dtype=total.dtype)


def count_category_hits(outputs: Any, targets: Any, hits: Any) -> None:
    """hits[0] += number of rows whose largest output is at the index of the largest target."""
    if 0 in outputs.shape:
        return
    xp = namespace(outputs)
    right = xp.argmax(outputs, axis=1) == xp.argmax(targets, axis=1)
    hits += xp.sum(xp.astype(right, hits.dtype))


def count_binary_hits(outputs: Any, targets: Any, threshold: float, hits: Any) -> None:
    """hits[0] += each row's share of outputs on the right side of the threshold."""
    if 0 in outputs.shape:
        return
    xp = namespace(outputs)
    right = (outputs > threshold) == (targets > 0.5)
    hits += xp.sum(xp.mean(xp.astype(right, hits.dtype), axis=1))
