"""Fully connected layer."""

from __future__ import annotations

import math
from typing import Any

from nnaccel import ops
from nnaccel._validate import whole_number
from nnaccel.backends import Array, kernels_only
from nnaccel.layers._base import Backward, Shape
from nnaccel.layers._weighted import Weighted
from nnaccel.layers.constraints import Constraint
from nnaccel.layers.initializers import Initializer
from nnaccel.layers.penalties import Penalty
from nnaccel.ops._memory import as_rows

__all__ = ["Dense"]


class Dense(Weighted):
    """Fully connected layer: ``y = activation(x @ w + b)``.

    Inputs with more than one axis, such as images, are flattened first.

    Parameters
    ----------
    units : int
        Number of outputs.
    activation : str, default 'linear'
        'linear', or an activation of `nnaccel.ops` such as 'relu' or 'softmax'.
    use_bias : bool, default True
        Whether to add b.
    initializer : str or Initializer, default 'glorot_uniform'
        Initial values of w.
    bias_initializer : str or Initializer, default 'zeros'
        Initial values of b.
    penalty : Penalty or str, optional
        L1, L2 or both, on w.
    constraint : Constraint or str, optional
        Of w: `MaxNorm`, `NonNegative` or both.
    name : str, optional
        Unique within a model; chosen for you by default.

    Raises
    ------
    ValueError
        If `units` is not positive, or a name is unknown.

    Examples
    --------
    >>> import numpy as np
    >>> layer = Dense(3, "relu")
    >>> layer.build((4,), seed=0)
    >>> y, backward = layer.forward(np.ones((2, 4), np.float32))
    >>> backward(np.ones((2, 3), np.float32), True).shape
    (2, 4)
    """

    def __init__(
        self,
        units: int,
        activation: str | None = None,
        *,
        use_bias: bool = True,
        initializer: str | Initializer = "glorot_uniform",
        bias_initializer: str | Initializer = "zeros",
        penalty: Penalty | str | dict[str, float] | None = None,
        constraint: Constraint | str | dict[str, Any] | None = None,
        name: str | None = None,
    ) -> None:
        super().__init__(
            activation,
            use_bias=use_bias,
            initializer=initializer,
            bias_initializer=bias_initializer,
            penalty=penalty,
            constraint=constraint,
            name=name,
        )
        self.units = whole_number("units", units)

    def parameter_specs(self, input_shape: Shape) -> dict[str, tuple[Shape, Initializer]]:
        """Return w (in, out) and, with a bias, b (out,)."""
        return self._specs((math.prod(input_shape), self.units), self.units)

    def infer_shape(self, input_shape: Shape) -> Shape:
        """Return (units,)."""
        return (self.units,)

    @kernels_only
    def forward(
        self, x: Array, training: bool = False, activate: bool = True
    ) -> tuple[Array, Backward]:
        """Return ``activation(x @ w + b)`` and its backward."""
        shape, x = x.shape, as_rows(x)
        w, b = self.params["w"], self.params.get("b")
        y, to_product = self._activated(
            lambda activation: ops.linear(x, w, b, activation=activation), activate
        )

        def backward(dy: Array, input_gradient: bool) -> Array | None:
            out = self._gradients()
            dz = to_product(dy)
            dx, _, _ = ops.linear_backward(dz, x, w, input_gradient=input_gradient, out=out)
            return None if dx is None else dx.reshape(shape)

        return y, backward

    def unit_weights(self) -> Array:
        """As `Layer.unit_weights`."""
        w = self.params["w"]
        return w.reshape(1, *w.shape, 1)

    def config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {"units": self.units, **super().config()}
