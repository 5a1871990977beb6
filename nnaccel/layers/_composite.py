"""The base class of layers that hold layers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

import numpy as np

from nnaccel.layers._base import Layer, Shape
from nnaccel.layers._names import LayerNames, naming
from nnaccel.layers._running import infer_shapes
from nnaccel.layers._tree import OfAllInside, leaves

MOST_DEPTH = 32  # of layers within layers


class Composite(Layer):
    """A layer of branches: chains of layers that all begin at its input.

    Its parameters are those of the layers inside.
    """

    _branches: list[list[Layer]]
    learning_rate_factor = OfAllInside()
    weight_decay = OfAllInside()

    def __init__(self, branches: Sequence[Sequence[Layer]], name: str | None = None) -> None:
        super().__init__(name)
        for branch in branches:
            if isinstance(branch, Layer) or not isinstance(branch, Sequence):
                raise TypeError(
                    f"{type(self).__name__} takes lists of layers, such as [Dense(8)], not "
                    f"{type(branch).__name__}"
                )
        self._set_branches(branches)
        if not self.children:
            raise ValueError(f"{type(self).__name__} needs at least one layer inside")
        if depth(self) > MOST_DEPTH:
            raise ValueError(f"layers within layers are more than {MOST_DEPTH} deep")

    def _set_branches(self, branches: Sequence[Sequence[Layer]]) -> None:
        """Set the layers inside, with names that are unique among them."""
        names = LayerNames()
        self._branches = [names.number(branch) for branch in branches]

    @property
    def children(self) -> list[Layer]:
        """The layers inside, branch by branch."""
        return [layer for branch in self._branches for layer in branch]

    @property
    def leaves(self) -> list[Layer]:
        """The layers inside that hold no others, branch by branch."""
        return leaves(self.children)

    def branches_for(self, input_shape: Shape) -> list[list[Layer]]:
        """Return the branches for inputs of a shape, some of which may still have to be made."""
        return self._branches

    def starts_for(self, input_shape: Shape) -> list[Shape]:
        """Return what each of `branches_for` begins with: the input shape, unless it says so."""
        return [input_shape] * len(self.branches_for(input_shape))

    def build(self, input_shape: Shape, seed: Any = None, dtype: Any = np.float32) -> None:
        """Set the shapes and create the parameters of the layers inside, on the host."""
        super().build(input_shape, seed, dtype)
        self._set_branches(self.branches_for(input_shape))
        number = 0
        for branch, start in zip(self._branches, self.starts_for(input_shape), strict=True):
            for layer, shape in zip(branch, infer_shapes(branch, start), strict=False):
                with naming(layer):
                    layer.build(shape, _seed_inside(seed, number), dtype)
                number += 1

    @property
    def trainable(self) -> bool:
        """Whether any layer inside is trainable; set it to freeze or unfreeze all."""
        return any(layer.trainable for layer in self.children)

    @trainable.setter
    def trainable(self, value: bool) -> None:
        for layer in self.children:
            layer.trainable = value

    def clear_gradients(self) -> None:
        """Set all gradients inside to zero."""
        for layer in self.children:
            layer.clear_gradients()

    @property
    def count_params(self) -> int:
        """Number of parameters inside."""
        return sum(layer.count_params for layer in self.leaves)

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        """Return a layer from the result of `config`, whose layers are in place."""
        return cls(**config)


def depth(layer: Layer) -> int:
    """Return how many layers deep the layer is: 0 if it holds none."""
    inside = [depth(inner) for branch in layer._branches for inner in branch]
    return 1 + max(inside) if inside else 0


def _seed_inside(seed: Any, number: int) -> Any:
    """Return the seed of a layer inside; the 2 keeps it apart from the network's own seeds."""
    if seed is None:
        return None
    return [*(seed if isinstance(seed, Sequence) else [seed]), 2, number]
