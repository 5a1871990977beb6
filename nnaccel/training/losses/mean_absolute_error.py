"""Mean absolute error."""

from __future__ import annotations

from nnaccel.backends import Array, get_namespace
from nnaccel.training.losses._base import Loss, Rows


class MeanAbsoluteError(Loss):
    """Mean over outputs of the absolute difference: ``mean(|y - t|)``.

    Examples
    --------
    >>> import numpy as np
    >>> losses, gradients = MeanAbsoluteError()(np.array([[1.0, 3.0]]), np.array([[1.0, 1.0]]))
    >>> losses, gradients
    (array([1.]), array([[0. , 0.5]]))
    """

    name = "mae"

    def __call__(self, outputs: Array, targets: Array) -> Rows:
        """As `Loss.__call__`."""
        error = outputs - targets
        return abs(error).mean(axis=1), get_namespace(error).sign(error) / error.shape[1]
