"""Dropout layer."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from nnaccel import ops
from nnaccel.backends import Array, backend_of, kernels_only
from nnaccel.layers._base import Backward, Layer, Shape

__all__ = ["Dropout"]


class Dropout(Layer):
    """Zero inputs at random in training; do nothing in inference.

    Parameters
    ----------
    rate : float in [0, 1)
        Probability of being dropped; the other inputs are scaled by ``1 / (1 - rate)``.
    name : str, optional
        Unique within a model; chosen for you by default.

    Raises
    ------
    ValueError
        If the rate is outside [0, 1).

    References
    ----------
    Srivastava et al., "Dropout: a simple way to prevent neural networks from overfitting",
    JMLR 15, 2014.

    Examples
    --------
    >>> import numpy as np
    >>> y, _ = Dropout(0.5).forward(np.ones((1, 3)))
    >>> y
    array([[1., 1., 1.]])
    """

    kernel_names = "dropout", "dropout"

    def __init__(self, rate: float, *, name: str | None = None) -> None:
        super().__init__(name)
        if not 0 <= rate < 1:
            raise ValueError(f"rate={rate!r} must be at least 0 and below 1")
        self.rate = float(rate)
        self._key, self._step = np.zeros(1, np.uint64), np.zeros(1, np.int64)

    def infer_shape(self, input_shape: Shape) -> Shape:
        """Return `input_shape`."""
        return input_shape

    def bind(self, key: np.ndarray, step: np.ndarray) -> None:
        """Draw masks from the stream `key`, one for each value of `step`."""
        self._key, self._step = key, step

    @kernels_only
    def forward(
        self, x: Array, training: bool = False, activate: bool = True
    ) -> tuple[Array, Backward]:
        """Return x, in training with elements dropped, and the backward."""
        if not training or self.rate == 0:
            return x, lambda dy, _: dy

        step, first = backend_of(x).asarray(self._step), self.first_row * math.prod(x.shape[1:])

        def drop(a: Array) -> Array:
            return ops.dropout(a, self.rate, key=self._key, step=step, first=first)

        return drop(x), lambda dy, wanted: drop(dy) if wanted else None

    def config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {"rate": self.rate, "name": self.name}
