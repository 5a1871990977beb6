"""The hinge loss, plain and squared."""

from __future__ import annotations

from nnaccel.backends import Array, get_namespace
from nnaccel.training.losses._base import Loss, Rows


class Hinge(Loss):
    """Mean over outputs of ``max(1 - t * y, 0)``, for targets -1 and 1.

    A target of 0 counts as -1, so labels and one-hot rows will do. The last layer is linear, or a
    tanh; with several outputs the largest one is the class.

    Examples
    --------
    >>> import numpy as np
    >>> losses, gradients = Hinge()(np.array([[0.5, 0.5]]), np.array([[1.0, 0.0]]))
    >>> losses, gradients
    (array([1.]), array([[-0.5,  0.5]]))
    """

    name = "hinge"
    last_activation = "linear"

    def __call__(self, outputs: Array, targets: Array) -> Rows:
        """As `Loss.__call__`."""
        xp, (shortfall, signs) = get_namespace(outputs), _shortfall(outputs, targets)
        return shortfall.mean(axis=1), xp.where(shortfall > 0, -signs, 0) / outputs.shape[1]


class SquaredHinge(Loss):
    """Mean over outputs of ``max(1 - t * y, 0)²``, for targets as of `Hinge`.

    Examples
    --------
    >>> import numpy as np
    >>> losses, gradients = SquaredHinge()(np.array([[0.5, 0.5]]), np.array([[1.0, 0.0]]))
    >>> losses, gradients
    (array([1.25]), array([[-0.5,  1.5]]))
    """

    name = "squared_hinge"
    last_activation = "linear"

    def __call__(self, outputs: Array, targets: Array) -> Rows:
        """As `Loss.__call__`."""
        shortfall, signs = _shortfall(outputs, targets)
        return (shortfall * shortfall).mean(axis=1), -2 * signs * shortfall / outputs.shape[1]


def _shortfall(outputs: Array, targets: Array) -> Rows:
    """Return ``max(1 - t * y, 0)``, and t, which is -1 where the target is 0."""
    xp = get_namespace(outputs)
    signs = xp.where(targets == 0, -1, targets)
    return xp.maximum(1 - signs * outputs, 0), signs
