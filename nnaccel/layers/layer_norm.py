"""Layer normalisation layer."""

from __future__ import annotations

import math
from typing import Any

from nnaccel import ops
from nnaccel._validate import check_range
from nnaccel.backends import Array, kernels_only
from nnaccel.layers import initializers
from nnaccel.layers._base import Backward, Layer, Shape
from nnaccel.layers.initializers import Initializer
from nnaccel.ops._memory import as_rows

__all__ = ["LayerNorm"]


class LayerNorm(Layer):
    """Normalise each input over its features, then scale and shift each feature.

    Unlike `BatchNorm` it does not depend on the batch, and is the same in training and inference.

    Parameters
    ----------
    epsilon : float, default 1e-3
        Above 0; added to the variance.
    name : str, optional
        Unique within a model; chosen for you by default.

    Raises
    ------
    ValueError
        If epsilon is not above 0.

    References
    ----------
    J. L. Ba, J. R. Kiros and G. E. Hinton, "Layer normalization", 2016.

    Examples
    --------
    >>> import numpy as np
    >>> layer = LayerNorm()
    >>> layer.build((2,))
    >>> layer.forward(np.array([[1, 3]], np.float32))[0].round(2)
    array([[-1.,  1.]], dtype=float32)
    """

    kernel_names = "layer_norm", "layer_norm_backward"
    weight_decay = False

    def __init__(self, epsilon: float = 1e-3, *, name: str | None = None) -> None:
        super().__init__(name)
        check_range("epsilon", epsilon, 0, math.inf, open_low=True)
        self.epsilon = float(epsilon)

    def parameter_specs(self, input_shape: Shape) -> dict[str, tuple[Shape, Initializer]]:
        """Return gamma and beta, shaped like an input."""
        ones, zeros = initializers.get("ones"), initializers.get("zeros")
        return {"gamma": (input_shape, ones), "beta": (input_shape, zeros)}

    def infer_shape(self, input_shape: Shape) -> Shape:
        """Return `input_shape`."""
        return input_shape

    @kernels_only
    def forward(
        self, x: Array, training: bool = False, activate: bool = True
    ) -> tuple[Array, Backward]:
        """Return x normalised, and the backward."""
        shape, rows = x.shape, as_rows(x)
        gamma, beta = (self.params[name].reshape(-1) for name in ("gamma", "beta"))
        y, *statistics = ops.layer_norm(rows, gamma, beta, epsilon=self.epsilon)

        def backward(dy: Array, input_gradient: bool) -> Array | None:
            out = self.grads["gamma"].reshape(-1), self.grads["beta"].reshape(-1)
            dx, _, _ = ops.layer_norm_backward(
                as_rows(dy),
                rows,
                gamma,
                *statistics,
                input_gradient=input_gradient,
                out=out if self.trainable else None,
            )
            return None if dx is None else dx.reshape(shape)

        return y.reshape(shape), backward

    def config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {"epsilon": self.epsilon, "name": self.name}
