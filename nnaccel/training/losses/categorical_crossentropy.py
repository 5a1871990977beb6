"""Categorical cross-entropy."""

from __future__ import annotations

from typing import Any

from nnaccel.backends import Array, kernels_only
from nnaccel.training.losses._base import KernelLoss


class CategoricalCrossentropy(KernelLoss):
    """Cross-entropy of a distribution over classes: ``-sum(t log p)``, in nats.

    Targets are integer labels or rows of probabilities. After a softmax it is computed from the
    logits, without overflow.

    Examples
    --------
    >>> import numpy as np
    >>> losses, _ = CategoricalCrossentropy()(np.array([[0.5, 0.5]]), np.array([[1.0, 0.0]]))
    >>> losses
    array([0.69314718])
    """

    name = "categorical_crossentropy"
    takes = "classes"
    last_activation = fused_activation = "softmax"

    @kernels_only
    def fill(
        self,
        kernels: Any,
        outputs: Array,
        targets: Array,
        fused: bool,
        losses: Array,
        gradient: Array,
    ) -> None:
        """As `KernelLoss.fill`."""
        kernel = kernels.softmax_cross_entropy if fused else kernels.categorical_cross_entropy
        kernel(outputs, targets, losses, gradient)
