"""The coefficient of determination."""

from __future__ import annotations

from typing import Any

import numpy as np

from nnaccel.backends import Array, to_numpy
from nnaccel.training.metrics._base import Metric


class R2Score(Metric):
    """Coefficient of determination, ``1 - sum((y - t)²) / sum((t - mean(t))²)``, exact.

    With several outputs it is the mean over them. Where targets do not vary it is 1 for outputs
    that are exact, else 0, as in scikit-learn.

    Examples
    --------
    >>> import numpy as np
    >>> metric = R2Score()
    >>> metric.update(np.array([[1.0], [2.0], [4.0]]), np.array([[1.0], [2.0], [3.0]]))
    >>> metric.result()
    0.5
    """

    name = "r2"

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """As `Metric.reset`."""
        self._rows = 0
        self._mean: Any = 0.0  # of the targets
        self._around: Any = np.zeros(1)  # squares of the targets around their mean
        self._errors: Any = np.zeros(1)  # squares of the errors

    def update(self, outputs: Array, targets: Array) -> None:
        """As `Metric.update`."""
        t = to_numpy(targets).astype(np.float64)
        before, self._rows = self._rows, self._rows + len(t)
        if not len(t):
            return
        # Means of parts are joined, as sums of squares would lose digits far from 0.
        step = t.mean(axis=0) - self._mean
        spread = ((t - t.mean(axis=0)) ** 2).sum(axis=0)
        self._around = self._around + spread + step**2 * before * len(t) / self._rows
        self._mean = self._mean + step * len(t) / self._rows
        self._errors = self._errors + ((to_numpy(outputs) - t) ** 2).sum(axis=0)

    def result(self) -> float:
        """As `Metric.result`."""
        varies = self._around > 0
        ratios = self._errors / np.where(varies, self._around, 1)
        each = np.where(varies, 1 - ratios, self._errors == 0)
        return float(each.mean()) if self._rows else 0.0
