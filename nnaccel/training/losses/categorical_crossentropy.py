"""Categorical cross-entropy."""

from __future__ import annotations

from nnaccel.training.losses._crossentropy import Crossentropy


class CategoricalCrossentropy(Crossentropy):
    """Cross-entropy of a distribution over classes: ``-sum(t log p)``, in nats.

    Targets are integer labels or rows of probabilities. After a softmax it is computed from the
    logits, without overflow.

    Parameters
    ----------
    from_logits : bool, default False
        Whether the model ends linearly: its outputs are logits, of which the loss and the metrics
        take the softmax.
    label_smoothing : float in [0, 1), default 0.0
        Targets become ``t (1 - label_smoothing) + label_smoothing / classes``.

    References
    ----------
    C. Szegedy et al., "Rethinking the Inception architecture for computer vision", CVPR 2016, of
    the smoothing.

    Examples
    --------
    >>> import numpy as np
    >>> losses, _ = CategoricalCrossentropy()(np.array([[0.5, 0.5]]), np.array([[1.0, 0.0]]))
    >>> losses
    array([0.69314718])
    """

    name = "categorical_crossentropy"
    takes = "classes"
    last_activation = fused_activation = "softmax"
    kernel_names = "categorical_cross_entropy", "softmax_cross_entropy"
