"""Layers whose output is added to their input."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

from nnaccel.layers._base import Layer, Shape
from nnaccel.layers._names import naming
from nnaccel.layers._running import infer_shapes
from nnaccel.layers.conv2d import Conv2D
from nnaccel.layers.dense import Dense
from nnaccel.layers.parallel import Parallel

__all__ = ["Residual"]


class Residual(Parallel):
    """The sum of what layers make of the input, and the input: ``y = f(x) + x``.

    Where f changes the shape, the input goes through a projection.

    Parameters
    ----------
    layers : sequence of Layer
        f, from input to output.
    projection : Layer, optional
        Applied to x. By default x is added as it is; where shapes differ, after a `Dense` (of
        vectors) or a 1x1 `Conv2D` with the stride that gives the right size (of images), made when
        the model is built, without a bias.
    name : str, optional
        Unique within a model; chosen for you by default.

    Raises
    ------
    ValueError
        If there is no layer; when built, if shapes differ and no projection can be inferred.

    References
    ----------
    K. He, X. Zhang, S. Ren and J. Sun, "Deep residual learning for image recognition", CVPR 2016.

    Examples
    --------
    >>> import numpy as np
    >>> layer = Residual([Conv2D(8, 3, "relu", stride=2, padding="same"), Conv2D(8, 1)])
    >>> layer.build((3, 32, 32), seed=0)
    >>> layer.projection.stride
    (2, 2)
    >>> layer.forward(np.ones((2, 3, 32, 32), np.float32))[0].shape
    (2, 8, 16, 16)
    """

    def __init__(
        self,
        layers: Sequence[Layer],
        projection: Layer | None = None,
        *,
        name: str | None = None,
    ) -> None:
        super().__init__(layers, [] if projection is None else [projection], name=name)
        if not self.layers:
            raise ValueError("Residual needs at least one layer: with none, y would be 2 * x")

    @property
    def layers(self) -> list[Layer]:
        """The layers of f."""
        return list(self._branches[0])

    @property
    def projection(self) -> Any:
        """The layer that x goes through before it is added; None if there is none."""
        return self._branches[1][0] if self._branches[1] else None

    def infer_shape(self, input_shape: Shape) -> Shape:
        """Return the output shape of f."""
        shape = infer_shapes(self.layers, input_shape)[-1]
        projection = self._projection_for(input_shape, shape)
        if projection is not None:
            with naming(projection):
                given = projection.infer_shape(input_shape)
            if given != shape:
                raise ValueError(
                    f"its projection gives {given}, but its layers give {shape}; they must agree"
                )
        return shape

    def branches_for(self, input_shape: Shape) -> list[list[Layer]]:
        """Return f, and the projection if there is to be one."""
        shape = infer_shapes(self.layers, input_shape)[-1]
        projection = self._projection_for(input_shape, shape)
        return [self.layers, [] if projection is None else [projection]]

    def _projection_for(self, before: Shape, after: Shape) -> Layer | None:
        """Return the projection there is, or one from one shape to another if they differ."""
        if self.projection is not None or before == after:
            return self.projection  # type: ignore[no-any-return]
        return make_projection(before, after)

    def config(self) -> dict[str, Any]:
        """Return the constructor's arguments; layers as they are."""
        return {"layers": self.layers, "projection": self.projection, "name": self.name}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        """Return a layer from the result of `config`."""
        return cls(**config)

    def __repr__(self) -> str:
        return f"Residual({self.layers!r}, projection={self.projection!r})"


def make_projection(before: Shape, after: Shape) -> Layer:
    """Return a layer from inputs of one shape to outputs of another.

    Raises
    ------
    ValueError
        If neither a `Dense` nor a 1x1 `Conv2D` leads there.
    """
    how: dict[str, Any] = {"use_bias": False, "name": "projection"}
    if len(before) == len(after) == 1:
        return Dense(after[0], **how)
    if len(before) in (2, 3) and len(after) == 3:
        strides = [_stride(*sizes) for sizes in zip(before[-2:], after[-2:], strict=True)]
        if all(strides):
            return Conv2D(after[0], 1, stride=(strides[0], strides[1]), **how)
    raise ValueError(
        f"its layers lead from {before} to {after}, and no 1x1 convolution or Dense does. To fix: "
        "give projection=, a layer that does, or let its layers keep the size, as with "
        "padding='same'"
    )


def _stride(before: int, after: int) -> int:
    """Return the least stride with which one pixel in `before` gives `after`; 0 if none does."""
    stride = (before - 1) // after + 1
    return stride if (before - 1) // stride + 1 == after else 0
