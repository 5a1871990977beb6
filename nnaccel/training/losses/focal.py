"""Focal cross-entropies, in which rows that are predicted well count little."""

from __future__ import annotations

import math

from nnaccel._validate import check_range
from nnaccel.backends import Array, get_namespace
from nnaccel.training.losses._base import TINY, Loss, Rows


class CategoricalFocalCrossentropy(Loss):
    """Cross-entropy whose terms shrink as they are learnt: ``-sum(alpha t (1 - p)^gamma log p)``.

    Probabilities are clipped to [1e-7, 1 - 1e-7].

    Parameters
    ----------
    alpha : float above 0, default 0.25
        Factor on the loss.
    gamma : float of at least 0, default 2.0
        How little well predicted rows count; 0 for all alike.

    References
    ----------
    T.-Y. Lin et al., "Focal loss for dense object detection", ICCV 2017.

    Examples
    --------
    >>> import numpy as np
    >>> loss = CategoricalFocalCrossentropy(alpha=1.0)
    >>> loss(np.array([[0.5, 0.5], [0.9, 0.1]]), np.array([[1.0, 0.0], [1.0, 0.0]]))[0].round(4)
    array([0.1733, 0.0011])
    """

    name = "categorical_focal_crossentropy"
    takes = "classes"
    last_activation = "softmax"

    def __init__(self, alpha: float = 0.25, gamma: float = 2.0) -> None:
        check_range("alpha", alpha, 0, math.inf, open_low=True)
        check_range("gamma", gamma, 0, math.inf)
        self.alpha, self.gamma = float(alpha), float(gamma)

    def __call__(self, outputs: Array, targets: Array) -> Rows:
        """As `Loss.__call__`."""
        xp = get_namespace(outputs)
        p = xp.clip(outputs, TINY, 1 - TINY)
        rest, log_p, weights = 1 - p, xp.log(p), self.alpha * targets
        losses = -(weights * rest**self.gamma * log_p).sum(axis=1)
        slope = self.gamma * rest ** (self.gamma - 1) * log_p - rest**self.gamma / p
        return losses, xp.where(p == outputs, weights * slope, 0)


class BinaryFocalCrossentropy(Loss):
    """Binary cross-entropy times ``(1 - q)^gamma``, q the probability of the target; the mean.

    ``q = t p + (1 - t)(1 - p)``, with probabilities p clipped to [1e-7, 1 - 1e-7].

    Parameters
    ----------
    apply_class_balancing : bool, default False
        Whether to multiply by `alpha` for a target of 1, and by ``1 - alpha`` for 0.
    alpha : float in (0, 1), default 0.25
        Weight of the targets that are 1.
    gamma : float of at least 0, default 2.0
        How little well predicted outputs count; 0 for all alike.

    References
    ----------
    T.-Y. Lin et al., "Focal loss for dense object detection", ICCV 2017.

    Examples
    --------
    >>> import numpy as np
    >>> losses, _ = BinaryFocalCrossentropy()(np.array([[0.5], [0.9]]), np.array([[1.0], [1.0]]))
    >>> losses.round(4)
    array([0.1733, 0.0011])
    """

    name = "binary_focal_crossentropy"
    takes = "probabilities"
    last_activation = "sigmoid"

    def __init__(
        self, apply_class_balancing: bool = False, alpha: float = 0.25, gamma: float = 2.0
    ) -> None:
        check_range("alpha", alpha, 0, 1, open_low=True)
        check_range("gamma", gamma, 0, math.inf)
        self.apply_class_balancing = bool(apply_class_balancing)
        self.alpha, self.gamma = float(alpha), float(gamma)

    def __call__(self, outputs: Array, targets: Array) -> Rows:
        """As `Loss.__call__`."""
        xp, t = get_namespace(outputs), targets
        p = xp.clip(outputs, TINY, 1 - TINY)
        wrong = t + p - 2 * t * p  # 1 - q
        entropy = -t * xp.log(p) - (1 - t) * xp.log(1 - p)
        weight = 1 - t + self.alpha * (2 * t - 1) if self.apply_class_balancing else 1
        factor = weight * wrong**self.gamma / p.shape[1]
        by_wrong = self.gamma * weight * wrong ** (self.gamma - 1) * entropy / p.shape[1]
        slope = factor * (p - t) / (p * (1 - p)) + by_wrong * (1 - 2 * t)
        return (factor * entropy).sum(axis=1), xp.where(p == outputs, slope, 0)
