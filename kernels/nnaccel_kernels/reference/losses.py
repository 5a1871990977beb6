"""Losses of each row with the gradient of their mean, and what is counted along the way."""

from __future__ import annotations

from typing import Any

import numpy as np

from nnaccel_kernels.reference.activation import activate, log_softmax

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


def softmax_cross_entropy(logits: Any, targets: Any, losses: Any, dlogits: Any) -> None:
    """Each row's cross-entropy of softmax(logits), and the gradient of their mean."""
    log_softmax(logits, dlogits)
    losses[...] = -(targets * np.where(targets != 0, dlogits, 0)).sum(axis=1)
    weight = targets.sum(axis=1, keepdims=True)
    dlogits[...] = (np.exp(dlogits) * weight - targets) / max(1, len(logits))


def sigmoid_cross_entropy(logits: Any, targets: Any, losses: Any, dlogits: Any) -> None:
    """Each row's mean binary cross-entropy of sigmoid(logits), and the gradient of their mean."""
    each = np.maximum(logits, 0) - logits * targets + np.log1p(np.exp(-np.abs(logits)))
    losses[...] = each.sum(axis=1) / max(1, logits.shape[1])
    activate("sigmoid", 0.0, logits, dlogits)
    dlogits[...] = (dlogits - targets) / max(1, logits.size)


def categorical_cross_entropy(p: Any, targets: Any, losses: Any, dp: Any) -> None:
    """Each row's cross-entropy of the probabilities p, and the gradient of their mean."""
    q = np.clip(p, _TINY, 1)
    losses[...] = -(targets * np.log(q)).sum(axis=1)
    dp[...] = np.where((p < _TINY) | (p > 1), 0, -targets / q) / max(1, len(p))


def binary_cross_entropy(p: Any, targets: Any, losses: Any, dp: Any) -> None:
    """Each row's mean binary cross-entropy of p, and the gradient of their mean."""
    q = np.clip(p, _TINY, 1 - _TINY)
    each = -(targets * np.log(q) + (1 - targets) * np.log(1 - q))
    losses[...] = each.sum(axis=1) / max(1, p.shape[1])
    clipped = (p < _TINY) | (p > 1 - _TINY)
    dp[...] = np.where(clipped, 0, (q - targets) / (q * (1 - q))) / max(1, p.size)


def mse(y: Any, targets: Any, losses: Any, dy: Any) -> None:
    """Each row's mean squared error, and the gradient of their mean."""
    error = y - targets
    losses[...] = (error * error).sum(axis=1) / max(1, y.shape[1])
    dy[...] = error * (2.0 / max(1, y.size))


def weigh(weights: Any, losses: Any, gradient: Any) -> None:
    """Multiply each row's loss and gradient by its weight, in place."""
    losses *= weights
    gradient *= weights[:, None]


def add_sum(values: Any, total: Any) -> None:
    """total[0] += sum(values), in double precision."""
    total += values.sum(dtype="float64")


def count_category_hits(outputs: Any, targets: Any, hits: Any) -> None:
    """hits[0] += rows whose largest output stands where the largest target does."""
    if outputs.size:
        hits += (outputs.argmax(axis=1) == targets.argmax(axis=1)).sum()


def count_binary_hits(outputs: Any, targets: Any, threshold: float, hits: Any) -> None:
    """hits[0] += each row's share of outputs on the right side of the threshold."""
    if outputs.size:
        hits += ((outputs > threshold) == (targets > 0.5)).mean(axis=1).sum()
