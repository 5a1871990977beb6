"""Hidden layers of named convolutional networks."""

from __future__ import annotations

from typing import Any, NamedTuple

from nnaccel import layers
from nnaccel._validate import unknown_name
from nnaccel.layers import Layer

#: LeNet pads images that are smaller than this, down or across.
_SMALL = 16


class Conv(NamedTuple):
    """A convolution with filters of `size` by `size` taps, and an activation."""

    filters: int
    size: int


class Pool(NamedTuple):
    """Max pooling over `size` by `size` pixels."""

    size: int


class Hidden(NamedTuple):
    """A dense layer, and an activation."""

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
    """Return the hidden layers of a named network.

    Parameters
    ----------
    name : {'cnn', 'lenet'}
        A key of `ARCHITECTURES`: two convolutions and a pooling, or LeNet-5 in a modern form.
    image_size : (H, W)
        Size of the images; LeNet pads small ones.
    activation : str, default 'relu'
        Activation of convolutions and hidden units.
    dropout : float, default 0
        Dropout rate of the hidden units; half of it for the last pooling.
    penalty : Penalty, optional
        Penalty on all weights.

    Returns
    -------
    list of Layer
        New layers, to which ``Dense(classes, "softmax")`` is to be added.

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
