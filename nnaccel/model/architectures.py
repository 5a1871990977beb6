"""Convolutional networks that have a name, all but their last layer."""

from __future__ import annotations

from typing import Any, NamedTuple

from nnaccel import layers
from nnaccel._validate import unknown_name
from nnaccel.layers import Layer

#: Images smaller than this, down or across, are padded before each convolution of LeNet.
_SMALL = 16


class Conv(NamedTuple):
    """Filters of `size` by `size` taps, and an activation."""

    filters: int
    size: int


class Pool(NamedTuple):
    """The largest of `size` by `size` pixels."""

    size: int


class Hidden(NamedTuple):
    """Fully connected units, and an activation."""

    units: int


Step = Conv | Pool | Hidden

ARCHITECTURES: dict[str, tuple[Step, ...]] = {
    "cnn": (Conv(32, 3), Conv(64, 3), Pool(2), Hidden(128)),
    "lenet": (Conv(20, 5), Pool(2), Conv(50, 5), Pool(2), Hidden(500)),
}


def convolutional(
    name: str,
    image_size: tuple[int, int] = (28, 28),
    *,
    activation: str = "relu",
    dropout: float = 0.0,
    penalty: Any = None,
) -> list[Layer]:
    """Return the hidden layers of a network.

    Parameters
    ----------
    name : {'cnn', 'lenet'}
        Two convolutions and a pooling, or LeNet-5's alternation of them in today's form.
    image_size : (H, W)
        Of the images that it is for: LeNet's taps do not fit small ones without padding.
    activation : str, default 'relu'
        Of convolutions and hidden units.
    dropout : float, default 0
        Share of hidden units dropped in training; of what is pooled last, half that share.
    penalty : Penalty, optional
        On all weights.

    Returns
    -------
    list of Layer
        New ones; add ``Dense(classes, "softmax")``.

    Raises
    ------
    ValueError
        If the name is unknown.

    References
    ----------
    Y. LeCun, L. Bottou, Y. Bengio and P. Haffner, "Gradient-based learning applied to document
    recognition", Proceedings of the IEEE 86 (11), 1998.

    Examples
    --------
    >>> [type(layer).__name__ for layer in convolutional("cnn")]
    ['Conv2D', 'Conv2D', 'MaxPool2D', 'Dense']
    """
    if name not in ARCHITECTURES:
        raise ValueError(unknown_name("architecture", name, tuple(ARCHITECTURES)))
    padding = "same" if name == "lenet" and min(image_size) < _SMALL else "valid"
    made: list[Layer] = []
    for step in ARCHITECTURES[name]:
        match step:
            case Conv(filters, size):
                layer: Layer = layers.Conv2D(
                    filters, size, activation, padding=padding, penalty=penalty
                )
            case Pool(size):
                layer = layers.MaxPool2D(size)
            case Hidden(units):
                if dropout:
                    made.append(layers.Dropout(dropout / 2))
                layer = layers.Dense(units, activation, penalty=penalty)
        made.append(layer)
    if dropout:
        made.append(layers.Dropout(dropout))
    return made
