"""Accuracy of the k most probable classes."""

from __future__ import annotations

import numpy as np

from nnaccel._validate import whole_number
from nnaccel.backends import Array, to_numpy
from nnaccel.training.metrics._base import Metric
from nnaccel.training.metrics._classes import require_classes


class TopKCategoricalAccuracy(Metric):
    """Share of rows whose true class is among the k with the largest outputs.

    Parameters
    ----------
    k : int, default 5
        At least 1.

    Examples
    --------
    >>> import numpy as np
    >>> metric = TopKCategoricalAccuracy(k=2)
    >>> metric.update(np.array([[0.1, 0.3, 0.6], [0.1, 0.3, 0.6]]), np.eye(3)[:2])
    >>> metric.result()
    0.5
    """

    name = "top_k_categorical_accuracy"

    def __init__(self, k: int = 5) -> None:
        self.k = whole_number("k", k)
        self.reset()

    def reset(self) -> None:
        """As `Metric.reset`."""
        self._hits = self._rows = 0

    def update(self, outputs: Array, targets: Array) -> None:
        """As `Metric.update`."""
        p, t = to_numpy(outputs), to_numpy(targets)
        require_classes(self.name, t, "use 'binary_accuracy'")
        own = p[np.arange(len(p)), t.argmax(axis=1)][:, None]
        ahead = (~(p <= own)).sum(axis=1)  # so that NaN is never a hit
        self._hits += int((ahead < self.k).sum())
        self._rows += len(p)

    def result(self) -> float:
        """As `Metric.result`."""
        return self._hits / max(1, self._rows)
