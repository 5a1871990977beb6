"""Mean squared error."""

from __future__ import annotations

from typing import Any

from nnaccel.backends import Array, kernels_only
from nnaccel.training.losses._base import KernelLoss


class MeanSquaredError(KernelLoss):
    """Mean over outputs of the squared difference: ``mean((y - t)²)``.

    Examples
    --------
    >>> import numpy as np
    >>> losses, gradients = MeanSquaredError()(np.array([[1.0, 3.0]]), np.array([[1.0, 1.0]]))
    >>> losses, gradients
    (array([2.]), array([[0., 2.]]))
    """

    name = "mse"

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
        kernels.mse(outputs, targets, losses, gradient)
