"""Classification accuracy."""

from __future__ import annotations

from nnaccel.backends import Array, Backend, kernels_only
from nnaccel.training.metrics._base import CountingMetric
from nnaccel.training.metrics.binary_accuracy import count_hits


class Accuracy(CountingMetric):
    """Share of rows whose largest output is that of the true class.

    For a model with one output, the share of rows on the true side of 0.5.

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
