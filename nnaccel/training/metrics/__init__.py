"""Metrics by name, counted on the device as batches go by."""

from __future__ import annotations

from nnaccel import _validate
from nnaccel.backends import Array, Backend

METRICS = ("accuracy", "binary_accuracy")


def check(name: str) -> None:
    """Raise a ValueError, with the nearest match, unless `name` is a metric."""
    if name not in METRICS:
        raise ValueError(_validate.unknown_name("metric", name, METRICS))


def count(
    name: str, backend: Backend, outputs: Array, targets: Array, logits: bool, total: Array
) -> None:
    """Add what a batch scores to ``total[0]``.

    Parameters
    ----------
    name : str
        'accuracy' counts rows whose largest output is the target's, or, for a model with one
        output, which lie on the right side of a half; 'binary_accuracy' takes each output by
        itself.
    outputs, targets : array, shape (N, C)
        Of one batch.
    logits : bool
        Whether outputs are before their sigmoid or softmax.
    total : array of one float64
        Sum over rows so far.
    """
    if name == "accuracy" and outputs.shape[1] > 1:
        backend.kernels.count_category_hits(outputs, targets, total)
    else:
        threshold = 0.0 if logits else 0.5
        backend.kernels.count_binary_hits(outputs, targets, threshold, total)
