"""Whether a network's last activation fits the loss."""

from __future__ import annotations

from typing import NoReturn

from nnaccel._validate import warn_caller
from nnaccel.backends import is_kernels_only
from nnaccel.layers import Layer
from nnaccel.network.chain import Network
from nnaccel.training.losses import Loss

_PROBABILITIES = "softmax", "sigmoid"  # activations whose outputs they are


def check_last_activation(network: Network, loss: Loss) -> None:
    """Check that the last activation fits the loss.

    Raises
    ------
    ValueError
        If the loss needs probabilities and the last layer has no softmax or sigmoid, if it needs
        positive numbers and they can be negative, or if it needs logits and there is an activation.

    Warns
    -----
    UserWarning
        For a softmax with a binary loss, or sigmoids with a categorical one.
    """
    last = network.ending if network.layers else None
    if last is None or not is_kernels_only(last.forward):
        return  # the outputs of a user's layer are not known
    ended, wanted = last.activation, loss.last_activation
    if loss.from_logits:
        if ended != "linear":
            raise ValueError(
                f"{loss.name} takes logits, from_logits=True, but the last layer {last.name!r} "
                f"ends with {ended!r}: leave out one of the two"
            )
        return
    if wanted == "softplus" and ended not in (*_PROBABILITIES, "softplus", "relu"):
        _refuse(loss, "numbers of at least 0", last)
    if wanted in _PROBABILITIES and ended not in _PROBABILITIES:
        _refuse(loss, "probabilities", last)
    if ended == wanted or wanted not in _PROBABILITIES:
        return
    if last.activation == "softmax":
        mismatch = "a softmax, whose outputs sum to one"
        remedy = "'sigmoid' for independent labels, or categorical_crossentropy for one class a row"
    else:
        mismatch = "sigmoids, which need not sum to one"
        remedy = "'softmax' for one class a row, or binary_crossentropy for independent labels"
    warn_caller(
        f"the last layer {last.name!r} ends with {mismatch}, but the loss is {loss.name}: use "
        f"{remedy}"
    )


def _refuse(loss: Loss, taken: str, last: Layer) -> NoReturn:
    """Raise a ValueError about a last layer that does not give what the loss takes."""
    raise ValueError(
        f"{loss.name} takes {taken}, but the last layer {last.name!r} ends with "
        f"{last.activation!r}: give it the activation {loss.last_activation!r}, or use 'mse'"
    )
