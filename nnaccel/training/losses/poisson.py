"""The Poisson loss."""

from __future__ import annotations

from nnaccel.backends import Array, get_namespace
from nnaccel.training.losses._base import TINY, Loss, Rows


class Poisson(Loss):
    """Mean over outputs of ``y - t log(y + 1e-7)``, for counts t and their expected numbers y.

    It is the negative log-likelihood of a Poisson distribution, less ``log(t!)``, and may be
    negative. Outputs must not be: end the model with a softplus.

    Examples
    --------
    >>> import numpy as np
    >>> losses, gradients = Poisson()(np.array([[1.0]]), np.array([[3.0]]))
    >>> losses.round(4), gradients.round(4)
    (array([1.]), array([[-2.]]))
    """

    name = "poisson"
    takes = "counts"
    last_activation = "softplus"

    def __call__(self, outputs: Array, targets: Array) -> Rows:
        """As `Loss.__call__`."""
        above = outputs + TINY
        each = outputs - targets * get_namespace(outputs).log(above)
        return each.mean(axis=1), (1 - targets / above) / outputs.shape[1]
