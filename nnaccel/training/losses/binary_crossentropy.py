"""Binary cross-entropy."""

from __future__ import annotations

from nnaccel.training.losses._crossentropy import Crossentropy


class BinaryCrossentropy(Crossentropy):
    """Mean over outputs of ``-t log p - (1 - t) log(1 - p)``, in nats.

    After a sigmoid it is computed from the logits, without overflow.

    Parameters
    ----------
    from_logits : bool, default False
        Whether the model ends linearly: its outputs are logits, of which the loss and the metrics
        take the sigmoid.
    label_smoothing : float in [0, 1), default 0.0
        Targets become ``t (1 - label_smoothing) + label_smoothing / 2``.

    Examples
    --------
    >>> import numpy as np
    >>> losses, _ = BinaryCrossentropy()(np.array([[0.5]]), np.array([[1.0]]))
    >>> losses
    array([0.69314718])
    """

    name = "binary_crossentropy"
    takes = "probabilities"
    last_activation = fused_activation = "sigmoid"
    kernel_names = "binary_cross_entropy", "sigmoid_cross_entropy"
