"""Layers that are being made of a graph, one after another."""

from __future__ import annotations

import numpy as np

from nnaccel import layers
from nnaccel.layers import Layer, Shape
from nnaccel.layers._convolution import Convolution
from nnaccel.layers._names import naming
from nnaccel.layers._weighted import Weighted
from nnaccel.ops._check import DEFAULT_ALPHA, OVER_CLASSES

Weights = dict[Layer, dict[str, np.ndarray]]


class Making:
    """A chain of layers, the shape after the last one, and the weights of all.

    Attributes
    ----------
    layers : list of Layer
    shape : tuple of int
        What the next layer gets, without the batch axis.
    weights : dict of Layer to dict of str to array
        Shared with the chains of branches.
    """

    def __init__(self, shape: Shape, weights: Weights) -> None:
        self.layers: list[Layer] = []
        self._shapes = [shape]  # before each layer, and after the last
        self.weights = weights

    @property
    def shape(self) -> Shape:
        """The shape after the last layer."""
        return self._shapes[-1]

    def add(self, layer: Layer, **weights: np.ndarray) -> None:
        """Append a layer with its weights."""
        with naming(layer):
            self._shapes.append(layer.infer_shape(self.shape))
        self.layers.append(layer)
        if weights:
            self.weights[layer] = weights

    def activate(self, name: str, alpha: float | None = None) -> None:
        """Append an activation, or make it that of the layer before where that has none."""
        before = self.open_layer()
        is_default = alpha is None or alpha == DEFAULT_ALPHA.get(name)
        over_rows = name in OVER_CLASSES
        if before is None or not is_default or (over_rows and isinstance(before, Convolution)):
            self.add(layers.Activation(name, alpha))
        else:
            before.activation = name

    def open_layer(self) -> Weighted | None:
        """Return the last layer if it has weights, and no activation yet."""
        last = self.layers[-1] if self.layers else None
        return last if isinstance(last, Weighted) and last.activation == "linear" else None

    def reshape(self, shape: Shape) -> None:
        """Change the shape; of several changes in a row only the last remains."""
        while self.layers and isinstance(self.layers[-1], layers.Reshape | layers.Flatten):
            self.layers.pop()
            self._shapes.pop()
        if shape != self.shape:
            self.add(layers.Flatten() if len(shape) == 1 else layers.Reshape(shape))
