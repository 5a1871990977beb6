"""Hidden layers by scikit-learn's parameters."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from nnaccel._validate import whole_number
from nnaccel.layers import Dense, Dropout, Layer

_ACTIVATIONS = {"identity": "linear", "logistic": "sigmoid"}  # by scikit-learn's names


def activation_of(name: str) -> str:
    """Return nnaccel's name of an activation."""
    return str(_ACTIVATIONS.get(name, name))


def dense_layers(sizes: int | Sequence[int], activation: str, dropout: float) -> list[Layer]:
    """Return fully connected layers, each with its dropout."""
    made: list[Layer] = []
    for units in np.atleast_1d(np.asarray(sizes, object)):
        count = whole_number("hidden_layer_sizes", units)
        made.append(Dense(count, activation_of(activation)))
        made += [Dropout(dropout)] if dropout else []
    return made
