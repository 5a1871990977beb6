"""Precision, recall and the F1 score, of each class and averaged."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from nnaccel._validate import unknown_name
from nnaccel.backends import Array, to_numpy
from nnaccel.training.metrics._base import Metric
from nnaccel.training.metrics._classes import require_classes

Average = Literal["macro", "micro", "weighted"]
_AVERAGES = "macro", "micro", "weighted"


class ClassMetric(Metric):
    """A ratio of counts of each class, exact over all rows.

    Attributes
    ----------
    per_class : ndarray of float64, shape (units,)
        The metric of each class, or of the one that a single output tells of.
    """

    def __init__(
        self, average: Average = "macro", *, threshold: float = 0.5, multi_label: bool = False
    ) -> None:
        if average not in _AVERAGES:
            raise ValueError(unknown_name("average", average, _AVERAGES))
        self.average, self.threshold, self.multi_label = average, float(threshold), multi_label
        self.reset()

    @staticmethod
    @abstractmethod
    def ratio(hits: Any, predicted: Any, true: Any) -> tuple[Any, Any]:
        """Return numerator and denominator, from counts of rows."""

    def reset(self) -> None:
        """As `Metric.reset`."""
        self._counts: Any = np.zeros((3, 1), np.int64)  # hits, predicted, true; of each class

    def update(self, outputs: Array, targets: Array) -> None:
        """As `Metric.update`."""
        p, t = to_numpy(outputs), to_numpy(targets)
        if p.shape[1] == 1 or self.multi_label:
            predicted, true = p > self.threshold, t > 0.5
        else:
            require_classes(self.name, t, f"{type(self).__name__}(multi_label=True)")
            each = np.arange(p.shape[1])
            predicted, true = (a.argmax(axis=1)[:, None] == each for a in (p, t))
        found = (predicted & true, predicted, true)
        self._counts = self._counts + np.stack([a.sum(axis=0) for a in found])

    @property
    def per_class(self) -> NDArray[np.float64]:
        """The metric of each class; 0 where there is nothing to divide by."""
        return _divided(*self.ratio(*self._counts))

    def result(self) -> float:
        """As `Metric.result`."""
        _, predicted, true = self._counts
        if self.average == "micro":
            return float(_divided(*self.ratio(*self._counts.sum(axis=1))))
        weights = true if self.average == "weighted" and len(true) > 1 else predicted + true > 0
        return float(self.per_class @ weights / max(1, weights.sum()))


class Precision(ClassMetric):
    """Share of the rows predicted as a class that are of it.

    With several outputs a row is of the class whose output is largest, and the classes are
    averaged; a single output tells of one class. 0 where nothing was predicted.

    Parameters
    ----------
    average : {'macro', 'micro', 'weighted'}
        The mean over the classes that occur; the ratio of the counts of all classes; or the mean
        weighted by the number of rows that are of each class.
    threshold : float, default 0.5
        Above it a single output, or one of several labels, is a yes.
    multi_label : bool, default False
        Whether outputs are independent labels, each for itself.

    Attributes
    ----------
    per_class : ndarray of float64, shape (units,)
        The metric of each class over the rows of the last evaluation or epoch.

    Examples
    --------
    >>> import numpy as np
    >>> metric = Precision()
    >>> metric.update(np.array([[0.9], [0.8], [0.1]]), np.array([[1.0], [0.0], [1.0]]))
    >>> metric.result()
    0.5
    """

    name = "precision"

    @staticmethod
    def ratio(hits: Any, predicted: Any, true: Any) -> tuple[Any, Any]:
        """As `ClassMetric.ratio`."""
        return hits, predicted


class Recall(ClassMetric):
    """Share of the rows of a class that are predicted as it.

    0 where there are none. Parameters and attributes are those of `Precision`.

    Examples
    --------
    >>> import numpy as np
    >>> metric = Recall()
    >>> metric.update(np.array([[0.9], [0.8], [0.1]]), np.array([[1.0], [0.0], [1.0]]))
    >>> metric.result()
    0.5
    """

    name = "recall"

    @staticmethod
    def ratio(hits: Any, predicted: Any, true: Any) -> tuple[Any, Any]:
        """As `ClassMetric.ratio`."""
        return hits, true


class F1Score(ClassMetric):
    """Harmonic mean of precision and recall of a class.

    0 where it neither occurs nor is predicted. Parameters and attributes are those of `Precision`.

    Examples
    --------
    >>> import numpy as np
    >>> metric = F1Score()
    >>> metric.update(np.array([[0.9], [0.8], [0.1]]), np.array([[1.0], [0.0], [1.0]]))
    >>> metric.result()
    0.5
    """

    name = "f1"

    @staticmethod
    def ratio(hits: Any, predicted: Any, true: Any) -> tuple[Any, Any]:
        """As `ClassMetric.ratio`."""
        return 2 * hits, predicted + true


def _divided(numerator: Any, denominator: Any) -> NDArray[np.float64]:
    """Return the ratio; 0 where the denominator is."""
    return np.asarray(numerator / np.maximum(1, denominator))
