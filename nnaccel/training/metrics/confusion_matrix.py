"""The confusion matrix as a metric."""

from __future__ import annotations

import numpy as np

from nnaccel.backends import Array, to_numpy
from nnaccel.training.metrics._base import Metric
from nnaccel.training.metrics._classes import require_classes
from nnaccel.training.metrics.confusion import confusion_counts, confusion_text


class ConfusionMatrix(Metric):
    """Counts of each predicted class for each true class; in reports, the share that is right.

    A row is of the class whose output is largest, or with one output of class 1 above 0.5. Printed
    it is a table.

    Attributes
    ----------
    counts : ndarray of int64, shape (classes, classes)
        Row i, column j: rows of class i predicted as j, in the last evaluation or epoch.

    Examples
    --------
    >>> import numpy as np
    >>> matrix = ConfusionMatrix()
    >>> matrix.update(np.array([[0.9, 0.1], [0.8, 0.2]]), np.array([[1.0, 0.0], [0.0, 1.0]]))
    >>> matrix.counts
    array([[1, 0],
           [1, 0]])
    >>> print(matrix)
    true    predicted
              0   1   right
    0         1   .  100.0%
    1         1   .    0.0%
    """

    name = "confusion_matrix"

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """As `Metric.reset`."""
        self.counts = np.zeros((1, 1), np.int64)

    def update(self, outputs: Array, targets: Array) -> None:
        """As `Metric.update`."""
        p, t = to_numpy(outputs), to_numpy(targets)
        if p.shape[1] == 1:
            predicted, true = p[:, 0] > 0.5, t[:, 0] > 0.5
        else:
            require_classes(self.name, t, "use Precision or Recall with multi_label=True")
            predicted, true = p.argmax(axis=1), t.argmax(axis=1)
        self.counts = self.counts + confusion_counts(true, predicted, max(2, p.shape[1]))

    def result(self) -> float:
        """Return the share of rows on the diagonal."""
        return float(self.counts.trace() / max(1, self.counts.sum()))

    def __str__(self) -> str:
        """Return the table."""
        return confusion_text(self.counts, [*map(str, range(len(self.counts)))])
