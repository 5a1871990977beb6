"""Layers one after another, as a layer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from nnaccel.backends import Array, kernels_only
from nnaccel.layers._base import Backward, Layer, Shape
from nnaccel.layers._composite import Composite
from nnaccel.layers._running import infer_shapes, run_layers

__all__ = ["Chain"]


class Chain(Composite):
    """Layers one after another, as one layer: a `Sequential` within a `Sequential` becomes one.

    Parameters
    ----------
    layers : sequence of Layer
        From input to output; at least one.
    name : str, optional
        Unique within a model; chosen for you by default.

    Raises
    ------
    ValueError
        If there is no layer.

    Examples
    --------
    >>> import numpy as np
    >>> from nnaccel.layers import Dense
    >>> layer = Chain([Dense(8, "relu"), Dense(3)])
    >>> layer.build((4,), seed=0)
    >>> layer.forward(np.ones((2, 4), np.float32))[0].shape
    (2, 3)
    """

    def __init__(self, layers: Sequence[Layer], *, name: str | None = None) -> None:
        super().__init__([layers], name)

    @property
    def layers(self) -> list[Layer]:
        """The layers, from input to output."""
        return list(self._branches[0])

    def infer_shape(self, input_shape: Shape) -> Shape:
        """Return the output shape of the last layer."""
        return infer_shapes(self.layers, input_shape)[-1]

    @kernels_only
    def forward(
        self, x: Array, training: bool = False, activate: bool = True
    ) -> tuple[Array, Backward]:
        """Return the output of the last layer, and the backward pass through all."""
        return run_layers(self.layers, x, training, activate)

    def config(self) -> dict[str, Any]:
        """Return the constructor's arguments; layers as they are."""
        return {"layers": self.layers, "name": self.name}
