"""Cosine similarity, negated."""

from __future__ import annotations

from nnaccel.backends import Array, get_namespace
from nnaccel.training.losses._base import TINY, Loss, Rows


class CosineSimilarity(Loss):
    """Minus the cosine of the angle between outputs and targets: -1 where they point one way.

    A row shorter than 1e-7 has no direction: its loss and its gradient are 0.

    Examples
    --------
    >>> import numpy as np
    >>> losses, gradients = CosineSimilarity()(np.array([[2.0, 0.0]]), np.array([[3.0, 4.0]]))
    >>> losses, gradients
    (array([-0.6]), array([[ 0. , -0.4]]))
    """

    name = "cosine_similarity"

    def __call__(self, outputs: Array, targets: Array) -> Rows:
        """As `Loss.__call__`."""
        (y, inverse), (t, _) = _directions(outputs), _directions(targets)
        cosine = (y * t).sum(axis=1)
        return -cosine, (cosine[:, None] * y - t) * inverse


def _directions(rows: Array) -> tuple[Array, Array]:
    """Return each row at length one, and one over its length; 0 for both where it is near 0."""
    xp = get_namespace(rows)
    length = xp.sqrt((rows * rows).sum(axis=1))[:, None]
    inverse = xp.where(length < TINY, 0, 1 / xp.maximum(length, TINY))
    return rows * inverse, inverse
