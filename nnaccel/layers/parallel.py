"""Branches side by side, joined into one output."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any, Self

from nnaccel import ops
from nnaccel._validate import unknown_name
from nnaccel.backends import Array, kernels_only
from nnaccel.layers._base import Backward, Layer, Shape
from nnaccel.layers._composite import Composite
from nnaccel.layers._joins import JOINS, joined_shape
from nnaccel.layers._running import infer_shapes, run_layers
from nnaccel.layers._several import Several, is_of_several, shapes_of

__all__ = ["Parallel"]

_KERNELS = {
    "add": ("add", "add"),
    "concat": ("put_channels", "take_channels"),
    "multiply": ("multiply", "multiply"),
}


class Parallel(Composite):
    """Branches that see the same inputs, and whose outputs are joined.

    As the first layer of a model it also takes a tuple of inputs, one for each branch:
    ``model.fit((images, numbers), y)``.

    Parameters
    ----------
    *branches : sequence of Layer
        Two or more chains of layers; an empty one gives the inputs as they are.
    join : {'add', 'concat', 'multiply'}, default 'add'
        Sum or product of outputs of one shape, or their channels (of images) or features one after
        another.
    name : str, optional
        Unique within a model; chosen for you by default.

    Raises
    ------
    ValueError
        If there are fewer than two branches, or no layer in any, or the join is unknown.

    References
    ----------
    C. Szegedy et al., "Going deeper with convolutions", CVPR 2015.

    Examples
    --------
    >>> import numpy as np
    >>> from nnaccel.layers import Dense
    >>> layer = Parallel([Dense(8, "relu")], [], join="concat")
    >>> layer.build((4,), seed=0)
    >>> layer.forward(np.ones((2, 4), np.float32))[0].shape
    (2, 12)
    """

    def __init__(
        self, *branches: Sequence[Layer], join: str = "add", name: str | None = None
    ) -> None:
        if join not in JOINS:
            raise ValueError(unknown_name("join", join, list(JOINS)))
        if len(branches) == 1 and any(isinstance(each, list | tuple) for each in branches[0]):
            raise TypeError(
                "Parallel takes each branch by itself, not a list of them. To fix: leave out the "
                "outer brackets, Parallel([Dense(8)], [Dense(8)]), or write Parallel(*branches)"
            )
        super().__init__(branches, name)
        if len(branches) < 2:
            raise ValueError("Parallel needs two branches or more: for one, take Chain")
        self._join = join
        self.kernel_names = _KERNELS[join]

    @property
    def join(self) -> str:
        """How the outputs become one."""
        return self._join

    @property
    def branches(self) -> list[list[Layer]]:
        """The layers of each branch, from input to output."""
        return [list(branch) for branch in self._branches]

    def infer_shape(self, input_shape: Shape) -> Shape:
        """Return the shape of the joined outputs."""
        starts = self.starts_for(input_shape)
        pairs = zip(self._branches, starts, strict=True)
        return joined_shape(self.join, [infer_shapes(*pair)[-1] for pair in pairs])

    def starts_for(self, input_shape: Shape) -> list[Shape]:
        """Return what each branch begins with: of several inputs, its own."""
        if not is_of_several(input_shape):
            return super().starts_for(input_shape)
        if len(input_shape) != len(self._branches):
            given = f"{len(input_shape)} input{'s' * (len(input_shape) != 1)}"
            raise ValueError(f"{given} for {len(self._branches)} branches: give one for each")
        return list(shapes_of(input_shape))

    @kernels_only
    def forward(
        self, x: Array, training: bool = False, activate: bool = True
    ) -> tuple[Array, Backward]:
        """Return the joined outputs, and the backward pass through all branches."""
        starts = x.arrays if isinstance(x, Several) else (x,) * len(self._branches)
        pairs = zip(self._branches, starts, strict=True)
        outputs, backwards = zip(*(run_layers(*pair, training) for pair in pairs), strict=True)
        y, to_branches = JOINS[self.join](outputs)

        def backward(dy: Array, input_gradient: bool) -> Array | None:
            parts = [
                run_back(part, input_gradient)
                for run_back, part in zip(backwards, to_branches(dy), strict=True)
            ]
            if not input_gradient:
                return None
            return Several(parts) if isinstance(x, Several) else functools.reduce(ops.add, parts)

        return y, backward

    def config(self) -> dict[str, Any]:
        """Return the constructor's arguments; layers as they are."""
        return {"branches": self.branches, "join": self.join, "name": self.name}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        """Return a layer from the result of `config`."""
        settings = dict(config)
        return cls(*settings.pop("branches"), **settings)

    def __repr__(self) -> str:
        inside = ", ".join(map(repr, self.branches))
        return f"{type(self).__name__}({inside}, join={self.join!r})"
