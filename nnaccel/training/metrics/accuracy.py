"""Classification accuracy."""

from __future__ import annotations

from nnaccel._validate import warn_caller
from nnaccel.backends import Array, Backend, kernels_only
from nnaccel.training.losses import BinaryCrossentropy, Loss
from nnaccel.training.metrics._base import CountingMetric, Metric
from nnaccel.training.metrics._classes import are_classes
from nnaccel.training.metrics.binary_accuracy import BinaryAccuracy, count_hits


class Accuracy(CountingMetric):
    """Share of rows whose largest output is that of the true class.

    For a model with one output, the share of rows on the true side of 0.5. Where a model ends with
    several sigmoids and its targets are rows of independent labels, it is `BinaryAccuracy`: they
    are if the loss is binary cross-entropy, or if a row does not sum to one.

    Examples
    --------
    >>> import numpy as np
    >>> accuracy = Accuracy()
    >>> accuracy.update(np.array([[0.9, 0.1], [0.8, 0.2]]), np.array([[1.0, 0.0], [0.0, 1.0]]))
    >>> accuracy.result()
    0.5
    """

    name = "accuracy"

    @kernels_only
    def count(
        self, backend: Backend, outputs: Array, targets: Array, logits: bool, total: Array
    ) -> None:
        """As `CountingMetric.count`."""
        if outputs.shape[1] > 1:
            backend.kernels.count_category_hits(outputs, targets, total)
        else:
            count_hits(backend, outputs, targets, logits, total)


def accuracy_for(metric: Metric, activation: str, loss: Loss, targets: Array) -> Metric:
    """Return the kind of accuracy for a last activation, loss and targets; others as they are.

    Warns
    -----
    UserWarning
        If accuracy is asked of classes, but rows have several labels.
    """
    if type(metric) is not Accuracy or targets.dtype.kind in "iu" or targets.shape[1] == 1:
        return metric
    if activation == "softmax" and not are_classes(targets):
        warn_caller(
            "accuracy compares the largest output with the largest target, but a row of targets "
            "has no or several labels: use metrics=['binary_accuracy'], and end with sigmoids"
        )
    one_each = are_classes(targets)
    if activation == "sigmoid" and (isinstance(loss, BinaryCrossentropy) or not one_each):
        if one_each:
            warn_caller(
                "accuracy is counted label by label, since the loss is that of independent labels; "
                "each row has one: give whole-number labels (N,) to compare the largest outputs"
            )
        per_label = BinaryAccuracy()
        per_label.name = metric.name
        return per_label
    return metric
