"""The fully connected layer."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from nnaccel import initializers, ops, penalties
from nnaccel.backends import Array
from nnaccel.initializers import Initializer
from nnaccel.layers._base import Backward, Layer, Shape
from nnaccel.ops._check import activation as check_activation
from nnaccel.ops.activation import activate as apply
from nnaccel.ops.activation import activate_backward
from nnaccel.penalties import Penalty
from nnaccel_kernels._activations import FROM_OUTPUT


class Dense(Layer, recordable=True):
    """Fully connected layer: ``y = activation(x @ w + b)``.

    Inputs with more than one axis, such as images, are flattened first.

    Parameters
    ----------
    units : int
        Number of outputs.
    activation : str, default 'linear'
        'linear', 'relu', 'sigmoid', 'tanh', 'leaky_relu', 'elu', 'softplus', 'gelu', 'softmax' or
        'log_softmax'.
    use_bias : bool, default True
        Whether there is a b.
    initializer : str or Initializer, default 'glorot_uniform'
        How w begins.
    bias_initializer : str or Initializer, default 'zeros'
        How b begins.
    penalty : Penalty or str, optional
        L1, L2 or both, on w.
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
        name: str | None = None,
    ) -> None:
        super().__init__(name)
        if isinstance(units, bool) or not isinstance(units, int | np.integer) or units < 1:
            raise ValueError(f"units={units!r} must be a whole number of at least 1")
        self.units = int(units)
        self.activation = activation or "linear"
        check_activation(self.activation)
        self.use_bias = use_bias
        self.initializer = initializers.get(initializer)
        self.bias_initializer = initializers.get(bias_initializer)
        self.penalty = penalties.get(penalty)

    def parameter_specs(self, input_shape: Shape) -> dict[str, tuple[Shape, Initializer]]:
        """Return w (in, out) and, with a bias, b (out,)."""
        w = ((math.prod(input_shape), self.units), self.initializer)
        return {"w": w, "b": ((self.units,), self.bias_initializer)} if self.use_bias else {"w": w}

    def infer_shape(self, input_shape: Shape) -> Shape:
        """Return (units,)."""
        return (self.units,)

    def forward(
        self, x: Array, training: bool = False, activate: bool = True
    ) -> tuple[Array, Backward]:
        """Return ``activation(x @ w + b)`` and its backward."""
        shape = x.shape
        x = x.reshape(len(x), math.prod(shape[1:]))
        w, b = self.params["w"], self.params.get("b")
        name = self.activation if activate else "linear"
        fused = name if name in FROM_OUTPUT else "linear"
        z = ops.linear(x, w, b, activation=fused)
        y = z if fused == name else apply(name, z)

        def backward(dy: Array, input_gradient: bool) -> Array | None:
            dz = dy if name == "linear" else activate_backward(name, dy, z, y)
            out = self.grads["w"], self.grads.get("b")
            dx, _, _ = ops.linear_backward(dz, x, w, input_gradient=input_gradient, out=out)
            return None if dx is None else dx.reshape(shape)

        return y, backward

    def config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {
            "units": self.units,
            "activation": self.activation,
            "use_bias": self.use_bias,
            "initializer": self.initializer.config(),
            "bias_initializer": self.bias_initializer.config(),
            "penalty": {"l1": self.penalty.l1, "l2": self.penalty.l2},
            "name": self.name,
        }
