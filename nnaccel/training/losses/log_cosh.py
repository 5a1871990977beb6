"""The logarithm of the hyperbolic cosine of the error."""

from __future__ import annotations

import math

from nnaccel.backends import Array, get_namespace
from nnaccel.training.losses._base import Loss, Rows


class LogCosh(Loss):
    """Mean over outputs of ``log(cosh(y - t))``, without overflow.

    It is ``error² / 2`` near zero and ``|error| - log 2`` far from it; unlike `Huber` it is smooth.

    Examples
    --------
    >>> import numpy as np
    >>> losses, gradients = LogCosh()(np.array([[1.0]]), np.array([[0.0]]))
    >>> losses.round(4), gradients.round(4)
    (array([0.4338]), array([[0.7616]]))
    """

    name = "log_cosh"

    def __call__(self, outputs: Array, targets: Array) -> Rows:
        """As `Loss.__call__`."""
        xp, error = get_namespace(outputs), outputs - targets
        size = abs(error)
        each = size + xp.log1p(xp.exp(-2 * size)) - math.log(2)
        return each.mean(axis=1), xp.tanh(error) / error.shape[1]
