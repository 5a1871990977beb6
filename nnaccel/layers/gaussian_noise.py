"""Gaussian noise layer."""

from __future__ import annotations

import math

import numpy as np

from nnaccel._validate import check_range
from nnaccel.backends import Array, backend_of, to_numpy
from nnaccel.layers._base import Backward, Layer, Shape

__all__ = ["GaussianNoise"]


class GaussianNoise(Layer):
    """Add normal noise of mean 0 in training; do nothing in inference.

    The noise is drawn by NumPy from the model's seed and the number of the step, so it is the same
    on every backend, and after resuming.

    Parameters
    ----------
    stddev : float of at least 0
        Standard deviation of the noise.
    name : str, optional
        Unique within a model; chosen for you by default.

    Raises
    ------
    ValueError
        If stddev is negative or infinite.

    References
    ----------
    C. M. Bishop, "Training with noise is equivalent to Tikhonov regularization", Neural
    Computation 7, 1995.

    Examples
    --------
    >>> import numpy as np
    >>> y, _ = GaussianNoise(0.5).forward(np.ones((1, 3)))
    >>> y
    array([[1., 1., 1.]])
    """

    def __init__(self, stddev: float, *, name: str | None = None) -> None:
        super().__init__(name)
        check_range("stddev", stddev, 0, math.inf)
        self.stddev = float(stddev)
        self._key, self._step = np.zeros(1, np.uint64), np.zeros(1, np.int64)

    def infer_shape(self, input_shape: Shape) -> Shape:
        """Return `input_shape`."""
        return input_shape

    def bind(self, key: np.ndarray, step: np.ndarray) -> None:
        """Draw noise from the stream `key`, another for each value of `step`."""
        self._key, self._step = key, step

    def forward(
        self, x: Array, training: bool = False, activate: bool = True
    ) -> tuple[Array, Backward]:
        """Return x, in training with noise, and the backward."""
        if training and self.stddev:
            rng = np.random.default_rng([int(self._key[0]), int(to_numpy(self._step)[0])])
            rows = self.first_row + len(x)
            noise = rng.standard_normal((rows, *x.shape[1:]))[self.first_row :]
            x = x + backend_of(x).asarray(self.stddev * noise, x.dtype)
        return x, lambda dy, wanted: dy if wanted else None
