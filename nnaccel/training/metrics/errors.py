"""Mean errors of regressions."""

from __future__ import annotations

from abc import abstractmethod

import numpy as np
from numpy.typing import NDArray

from nnaccel.backends import Array, to_numpy
from nnaccel.training.metrics._base import Metric


class MeanError(Metric):
    """A mean over all outputs of all rows, summed in double precision."""

    def __init__(self) -> None:
        self.reset()

    @staticmethod
    @abstractmethod
    def each(error: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return what is averaged of the differences of outputs and targets."""

    def reset(self) -> None:
        """As `Metric.reset`."""
        self._total, self._count = 0.0, 0

    def update(self, outputs: Array, targets: Array) -> None:
        """As `Metric.update`."""
        error = to_numpy(outputs).astype(np.float64) - to_numpy(targets)
        self._total += float(self.each(error).sum())
        self._count += error.size

    def result(self) -> float:
        """As `Metric.result`."""
        return self._total / max(1, self._count)


class MeanAbsoluteError(MeanError):
    """Mean over rows and outputs of ``|y - t|``.

    Examples
    --------
    >>> import numpy as np
    >>> metric = MeanAbsoluteError()
    >>> metric.update(np.array([[1.0], [4.0]]), np.array([[1.0], [1.0]]))
    >>> metric.result()
    1.5
    """

    name = "mae"

    @staticmethod
    def each(error: NDArray[np.float64]) -> NDArray[np.float64]:
        """As `MeanError.each`."""
        return abs(error)


class MeanSquaredError(MeanError):
    """Mean over rows and outputs of ``(y - t)²``.

    Examples
    --------
    >>> import numpy as np
    >>> metric = MeanSquaredError()
    >>> metric.update(np.array([[1.0], [4.0]]), np.array([[1.0], [1.0]]))
    >>> metric.result()
    4.5
    """

    name = "mse"

    @staticmethod
    def each(error: NDArray[np.float64]) -> NDArray[np.float64]:
        """As `MeanError.each`."""
        return error * error


class RootMeanSquaredError(MeanSquaredError):
    """Square root of the mean over rows and outputs of ``(y - t)²``.

    Examples
    --------
    >>> import numpy as np
    >>> metric = RootMeanSquaredError()
    >>> metric.update(np.array([[4.0], [2.0]]), np.array([[1.0], [-1.0]]))
    >>> metric.result()
    3.0
    """

    name = "rmse"

    def result(self) -> float:
        """As `Metric.result`."""
        return float(super().result() ** 0.5)
