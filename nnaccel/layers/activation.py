"""Activation layer."""

from __future__ import annotations

from typing import Any

from nnaccel.backends import Array, kernels_only
from nnaccel.layers._activate import apply, apply_backward
from nnaccel.layers._base import Backward, Layer, Shape
from nnaccel.ops import _check
from nnaccel_kernels.activations import ACTIVATIONS

__all__ = ["ELU", "Activation", "LeakyReLU", "ReLU", "Softmax"]


class Activation(Layer):
    """Apply an activation to each element, or a softmax over the last axis; of images, channels.

    Parameters
    ----------
    activation : str
        As for `Dense`.
    alpha : float, optional
        Slope of 'leaky_relu' (0.3 by default) or scale of 'elu' (1).
    name : str, optional
        Unique within a model; chosen for you by default.

    Raises
    ------
    ValueError
        If the name is unknown or alpha is negative.

    Examples
    --------
    >>> import numpy as np
    >>> y, backward = Activation("relu").forward(np.array([[-1.0, 2.0]]))
    >>> y
    array([[0., 2.]])
    """

    def __init__(
        self, activation: str, alpha: float | None = None, *, name: str | None = None
    ) -> None:
        super().__init__(name)
        _check.activation(activation)
        self.activation = activation
        self.alpha = _check.alpha(activation, alpha)
        kernel = "activate" if activation in ACTIVATIONS else activation
        self.kernel_names = kernel, f"{kernel}_backward"

    def infer_shape(self, input_shape: Shape) -> Shape:
        """Return `input_shape`."""
        return input_shape

    @kernels_only
    def forward(
        self, x: Array, training: bool = False, activate: bool = True
    ) -> tuple[Array, Backward]:
        """Return the activation of x and its backward."""
        name, alpha = (self.activation if activate else "linear"), self.alpha
        y = x if name == "linear" else apply(name, x, alpha)

        def backward(dy: Array, input_gradient: bool) -> Array | None:
            if not input_gradient or name == "linear":
                return dy
            return apply_backward(name, dy, x, y, alpha)

        return y, backward

    def config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {"activation": self.activation, "alpha": self.alpha, "name": self.name}


def ReLU(name: str | None = None) -> Activation:  # noqa: N802
    """Return an `Activation` that is ``max(x, 0)``."""
    return Activation("relu", name=name)


def LeakyReLU(alpha: float = 0.3, name: str | None = None) -> Activation:  # noqa: N802
    """Return an `Activation` that is x where positive, else ``alpha * x``."""
    return Activation("leaky_relu", alpha, name=name)


def ELU(alpha: float = 1.0, name: str | None = None) -> Activation:  # noqa: N802
    """Return an `Activation` that is x where positive, else ``alpha * (exp(x) - 1)``."""
    return Activation("elu", alpha, name=name)


def Softmax(name: str | None = None) -> Activation:  # noqa: N802
    """Return an `Activation` that is the softmax over the last axis, or the channels of images."""
    return Activation("softmax", name=name)
