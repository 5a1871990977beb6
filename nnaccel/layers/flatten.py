"""Flatten layer."""

from __future__ import annotations

import math

from nnaccel.backends import Array, kernels_only
from nnaccel.layers._base import Backward, Layer, Shape
from nnaccel.ops._memory import as_rows

__all__ = ["Flatten"]


class Flatten(Layer):
    """Flatten each item of a batch to a row.

    Examples
    --------
    >>> import numpy as np
    >>> y, _ = Flatten().forward(np.zeros((5, 28, 28)))
    >>> y.shape
    (5, 784)
    """

    def infer_shape(self, input_shape: Shape) -> Shape:
        """Return the product of the axes."""
        return (math.prod(input_shape),)

    @kernels_only
    def forward(
        self, x: Array, training: bool = False, activate: bool = True
    ) -> tuple[Array, Backward]:
        """Return x as a matrix, and the backward."""
        return as_rows(x), lambda dy, _: dy.reshape(x.shape)
