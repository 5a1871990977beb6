"""Binary cross-entropy."""

from __future__ import annotations

from typing import Any

from nnaccel.backends import Array, kernels_only
from nnaccel.training.losses._base import KernelLoss


class BinaryCrossentropy(KernelLoss):
    """Mean over outputs of ``-t log p - (1 - t) log(1 - p)``, in nats.

    After a sigmoid it is computed from the logits, without overflow.

    Examples
    --------
    >>> import numpy as np
    >>> losses, _ = BinaryCrossentropy()(np.array([[0.5]]), np.array([[1.0]]))
    >>> losses
    array([0.69314718])
    """

    name = "binary_crossentropy"
    takes = "probabilities"
    last_activation = fused_activation = "sigmoid"

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
        kernel = kernels.sigmoid_cross_entropy if fused else kernels.binary_cross_entropy
        kernel(outputs, targets, losses, gradient)
