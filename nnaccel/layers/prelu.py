"""Parametric ReLU layer."""

from __future__ import annotations

from typing import Any

from nnaccel.backends import Array, get_namespace
from nnaccel.layers import initializers
from nnaccel.layers._base import Backward, Layer, Shape
from nnaccel.layers.initializers import Initializer

__all__ = ["PReLU"]


class PReLU(Layer):
    """Apply a leaky ReLU whose slopes below zero are learnt: x if positive, else ``alpha * x``.

    Parameters
    ----------
    initializer : str or Initializer, default 'zeros'
        Initial slopes.
    shared_axes : sequence of int, default ()
        Axes along which inputs have one slope together, counted from 1; (2, 3) for one slope a
        channel of images (C, H, W).
    name : str, optional
        Unique within a model; chosen for you by default.

    Raises
    ------
    ValueError
        If an axis is not there.

    References
    ----------
    K. He, X. Zhang, S. Ren and J. Sun, "Delving deep into rectifiers", ICCV 2015.

    Examples
    --------
    >>> import numpy as np
    >>> layer = PReLU("ones")
    >>> layer.build((2,), dtype=np.float64)
    >>> y, backward = layer.forward(np.array([[-1.0, 2.0]]))
    >>> y, layer.params["alpha"].shape
    (array([[-1.,  2.]]), (2,))
    """

    weight_decay = False

    def __init__(
        self,
        initializer: str | Initializer | dict[str, Any] = "zeros",
        shared_axes: Any = (),
        *,
        name: str | None = None,
    ) -> None:
        super().__init__(name)
        self.initializer = initializers.get(initializer)
        self.shared_axes = tuple(int(axis) for axis in shared_axes)

    def parameter_specs(self, input_shape: Shape) -> dict[str, tuple[Shape, Initializer]]:
        """Return alpha, shaped like an input, with 1 for shared axes."""
        shape = [
            1 if axis in self.shared_axes else n for axis, n in enumerate(input_shape, start=1)
        ]
        return {"alpha": (tuple(shape), self.initializer)}

    def infer_shape(self, input_shape: Shape) -> Shape:
        """Return `input_shape`."""
        for axis in self.shared_axes:
            if not 1 <= axis <= len(input_shape):
                raise ValueError(
                    f"shared_axes={self.shared_axes}: inputs {input_shape} have the axes 1 to "
                    f"{len(input_shape)}"
                )
        return input_shape

    def forward(
        self, x: Array, training: bool = False, activate: bool = True
    ) -> tuple[Array, Backward]:
        """Return the activated x, and the backward."""
        xp, alpha, is_positive = get_namespace(x), self.params["alpha"], x > 0

        def backward(dy: Array, input_gradient: bool) -> Array | None:
            by_slope = xp.where(is_positive, 0, dy * x).sum(axis=(0, *self.shared_axes))
            self.grads["alpha"][...] = by_slope.reshape(alpha.shape)
            return xp.where(is_positive, dy, alpha * dy) if input_gradient else None

        return xp.where(is_positive, x, alpha * x), backward

    def config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {
            "initializer": self.initializer.config(),
            "shared_axes": list(self.shared_axes),
            "name": self.name,
        }
