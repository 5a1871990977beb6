"""The Huber loss."""

from __future__ import annotations

import math

from nnaccel._validate import check_range
from nnaccel.backends import Array, get_namespace
from nnaccel.training.losses._base import Loss, Rows


class Huber(Loss):
    """Mean over outputs of a loss that is quadratic up to an error of `delta`, and linear beyond.

    Parameters
    ----------
    delta : float above 0, default 1.0
        Largest absolute value of a gradient, whatever the size of an outlier.

    References
    ----------
    P. J. Huber, "Robust estimation of a location parameter", Annals of Mathematical Statistics 35,
    1964.

    Examples
    --------
    >>> import numpy as np
    >>> losses, gradients = Huber(1.0)(np.array([[3.0]]), np.array([[0.0]]))
    >>> losses, gradients
    (array([2.5]), array([[1.]]))
    """

    name = "huber"

    def __init__(self, delta: float = 1.0) -> None:
        check_range("delta", delta, 0, math.inf, open_low=True)
        self.delta = float(delta)

    def __call__(self, outputs: Array, targets: Array) -> Rows:
        """As `Loss.__call__`."""
        xp, units = get_namespace(outputs), outputs.shape[1]
        error = outputs - targets
        near = xp.clip(error, -self.delta, self.delta)
        return (near * (error - near / 2)).sum(axis=1) / units, near / units
