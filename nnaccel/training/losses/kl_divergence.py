"""The Kullback-Leibler divergence."""

from __future__ import annotations

from nnaccel.backends import Array, get_namespace
from nnaccel.training.losses._base import TINY, Loss, Rows


class KLDivergence(Loss):
    """Divergence of the outputs from a distribution over classes: ``sum(t log(t / p))``, in nats.

    It is `CategoricalCrossentropy` less the entropy of the targets, so its gradient is the same and
    it is 0 where both agree. Probabilities below 1e-7 count as 1e-7.

    References
    ----------
    S. Kullback and R. A. Leibler, "On information and sufficiency", Annals of Mathematical
    Statistics 22, 1951.

    Examples
    --------
    >>> import numpy as np
    >>> losses, _ = KLDivergence()(np.array([[0.5, 0.5]]), np.array([[1.0, 0.0]]))
    >>> losses.round(4)
    array([0.6931])
    """

    name = "kl_divergence"
    takes = "classes"
    last_activation = "softmax"

    def __call__(self, outputs: Array, targets: Array) -> Rows:
        """As `Loss.__call__`."""
        xp = get_namespace(outputs)
        p, t = xp.clip(outputs, TINY, 1), xp.clip(targets, TINY, 1)
        return (t * xp.log(t / p)).sum(axis=1), xp.where(p == outputs, -t / p, 0)
