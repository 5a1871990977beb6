"""Reshape layer."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from nnaccel._validate import whole_number
from nnaccel.backends import Array, kernels_only
from nnaccel.layers._base import Backward, Layer, Shape
from nnaccel.ops._memory import as_rows

__all__ = ["Reshape"]


class Reshape(Layer):
    """Give each item of a batch another shape, with its numbers in the same order.

    Parameters
    ----------
    target_shape : sequence of int
        Without the batch axis; one of them may be -1, and follows from the others.
    name : str, optional
        Unique within a model; chosen for you by default.

    Raises
    ------
    ValueError
        If the shapes differ in size.

    Examples
    --------
    >>> import numpy as np
    >>> y, _ = Reshape((1, 28, -1)).forward(np.zeros((5, 784)))
    >>> y.shape
    (5, 1, 28, 28)
    """

    def __init__(self, target_shape: Sequence[int], *, name: str | None = None) -> None:
        super().__init__(name)
        shape = tuple(target_shape)
        if shape.count(-1) > 1:
            raise ValueError(f"target_shape={shape} has more than one -1")
        self.target_shape = tuple(n if n == -1 else whole_number("target_shape", n) for n in shape)

    def infer_shape(self, input_shape: Shape) -> Shape:
        """Return the target shape."""
        size = math.prod(input_shape)
        known = math.prod(n for n in self.target_shape if n != -1)
        shape = tuple(size // known if n == -1 else n for n in self.target_shape)
        if math.prod(shape) != size:
            raise ValueError(
                f"inputs {input_shape} of {size} numbers do not fit target_shape="
                f"{self.target_shape}"
            )
        return shape

    @kernels_only
    def forward(
        self, x: Array, training: bool = False, activate: bool = True
    ) -> tuple[Array, Backward]:
        """Return x in its new shape, and the backward."""
        y = as_rows(x).reshape(len(x), *self.infer_shape(x.shape[1:]))
        return y, lambda dy, wanted: as_rows(dy).reshape(x.shape) if wanted else None

    def config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {"target_shape": list(self.target_shape), "name": self.name}
