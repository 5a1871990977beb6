"""Binary accuracy."""

from __future__ import annotations

from nnaccel.backends import Array, Backend, kernels_only
from nnaccel.training.metrics._base import CountingMetric


class BinaryAccuracy(CountingMetric):
    """Mean over rows of the share of outputs on the target's side of 0.5.

    Examples
    --------
    >>> import numpy as np
    >>> accuracy = BinaryAccuracy()
    >>> accuracy.update(np.array([[0.9, 0.6]]), np.array([[1.0, 0.0]]))
    >>> accuracy.result()
    0.5
    """

    name = "binary_accuracy"
    needs_probabilities = True

    @kernels_only
    def count(
        self, backend: Backend, outputs: Array, targets: Array, logits: bool, total: Array
    ) -> None:
        """As `CountingMetric.count`."""
        count_hits(backend, outputs, targets, logits, total)


def count_hits(
    backend: Backend, outputs: Array, targets: Array, logits: bool, total: Array
) -> None:
    """Add each row's share of outputs on the target's side of 0.5, or of 0 for logits."""
    backend.kernels.count_binary_hits(outputs, targets, 0.0 if logits else 0.5, total)
