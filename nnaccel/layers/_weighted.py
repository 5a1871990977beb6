"""The base class of layers with weights, a bias, a penalty, a constraint and an activation."""

from __future__ import annotations

from collections.abc import Callable
from numbers import Number
from typing import Any

from nnaccel._text import shorten
from nnaccel.backends import Array
from nnaccel.layers import constraints, initializers, penalties
from nnaccel.layers._activate import apply, apply_backward
from nnaccel.layers._base import Layer, Shape
from nnaccel.layers.constraints import Constraint
from nnaccel.layers.initializers import Initializer
from nnaccel.layers.penalties import Penalty
from nnaccel.ops import _check
from nnaccel_kernels.activations import FROM_OUTPUT


class Weighted(Layer):
    """A layer whose output is ``activation(x ∗ w + b)``, for some product ∗."""

    def __init__(
        self,
        activation: str | None,
        *,
        use_bias: bool = True,
        initializer: str | Initializer | dict[str, Any] = "glorot_uniform",
        bias_initializer: str | Initializer | dict[str, Any] = "zeros",
        penalty: Penalty | str | dict[str, float] | None = None,
        constraint: Constraint | str | dict[str, Any] | None = None,
        name: str | None = None,
    ) -> None:
        super().__init__(name)
        self.activation = activation or "linear"
        _require_named(self.activation)
        self.use_bias = _check.flag("use_bias", use_bias)
        self.initializer = initializers.get(initializer)
        self.bias_initializer = initializers.get(bias_initializer)
        self.penalty = penalties.get(penalty)
        self.constraint = constraints.get(constraint)

    def config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {
            "activation": self.activation,
            "use_bias": self.use_bias,
            "initializer": self.initializer.config(),
            "bias_initializer": self.bias_initializer.config(),
            "penalty": {"l1": float(self.penalty.l1), "l2": float(self.penalty.l2)},
            "constraint": self.constraint.config(),
            "name": self.name,
        }

    def _specs(self, weights: Shape, units: int) -> dict[str, tuple[Shape, Initializer]]:
        """Return specs of w, of shape `weights`, and with a bias of b, of shape (units,)."""
        w = weights, self.initializer
        return {"w": w, "b": ((units,), self.bias_initializer)} if self.use_bias else {"w": w}

    def _gradients(self) -> tuple[Array | None, Array | None]:
        """Return the arrays for dw and db; None for both while the layer is frozen."""
        return (self.grads["w"], self.grads.get("b")) if self.trainable else (None, None)

    def _activated(
        self, product: Callable[[str], Array], activate_it: bool
    ) -> tuple[Array, Callable[[Array], Array]]:
        """Return the activated product, and its backward: from dy to the product's gradient.

        `product` takes the name of the activation to fuse: 'linear' where it cannot be fused.
        """
        name = self.activation if activate_it else "linear"
        fused = name if name in FROM_OUTPUT else "linear"
        z = product(fused)
        y = z if fused == name else apply(name, z)
        return y, lambda dy: dy if name == "linear" else apply_backward(name, dy, z, y)


def _require_named(activation: object) -> None:
    """Raise a ValueError unless it is the name of an activation."""
    if isinstance(activation, str):
        _check.activation(activation)
        return
    fix = "give its name, as in 'relu', or list the layer after"
    if isinstance(activation, Number):  # PyTorch's Linear(64, 16) and Conv2d(1, 8, 3)
        fix = "leave out the size of the inputs, as in Dense(16) or Conv2D(8, 3)"
    given = shorten(repr(activation))
    raise ValueError(f"activation={given} must be a name such as 'relu'. To fix: {fix}")
