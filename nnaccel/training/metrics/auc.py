"""The area under the ROC curve."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from nnaccel.backends import Array, to_numpy
from nnaccel.training.metrics._base import Metric


class AUC(Metric):
    """Area under the ROC curve: how probably a row of a class gets a higher output than another.

    It is exact, from ranks; rows with equal outputs count half. With several outputs it is the mean
    over the classes, each against the rest, that have rows of both kinds. A target above 0.5 is of
    the class.

    To rank them it keeps all outputs of an epoch: 5 bytes for each in float32, which is 50 MB for a
    million rows of ten classes. `result` sorts them, so callbacks that want it after each batch
    make training slow.

    Attributes
    ----------
    per_class : ndarray of float64, shape (units,)
        The area of each class over the rows of the last evaluation or epoch; NaN for a class
        without rows of both kinds.

    References
    ----------
    J. A. Hanley and B. J. McNeil, "The meaning and use of the area under a receiver operating
    characteristic (ROC) curve", Radiology 143, 1982.

    Examples
    --------
    >>> import numpy as np
    >>> auc = AUC()
    >>> auc.update(np.array([[0.1], [0.4], [0.3], [0.8]]), np.array([[0.0], [0.0], [1.0], [1.0]]))
    >>> auc.result()
    0.75
    """

    name = "auc"

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """As `Metric.reset`."""
        self._kept: list[tuple[NDArray[np.floating], NDArray[np.bool]]] = []

    def update(self, outputs: Array, targets: Array) -> None:
        """As `Metric.update`."""
        self._kept.append((to_numpy(outputs), to_numpy(targets) > 0.5))

    @property
    def per_class(self) -> NDArray[np.float64]:
        """The area of each class."""
        if not self._kept:
            return np.full(1, np.nan)
        scores, truths = (np.concatenate(parts) for parts in zip(*self._kept, strict=True))
        return np.array([_area(*column) for column in zip(scores.T, truths.T, strict=True)])

    def result(self) -> float:
        """As `Metric.result`; 0 if no class has rows of both kinds."""
        areas = self.per_class
        known = areas[~np.isnan(areas)]
        return float(known.mean()) if len(known) else 0.0


def _area(scores: NDArray[np.floating], is_true: NDArray[np.bool]) -> float:
    """Return the area under the curve of one class; NaN without rows of both kinds."""
    true = int(is_true.sum())
    pairs = true * (len(scores) - true)
    if not pairs:
        return np.nan
    _, place, counts = np.unique(scores, return_inverse=True, return_counts=True)
    ranks = np.cumsum(counts) - (counts - 1) / 2  # the mean rank of equal scores, from 1
    return float((ranks[place][is_true].sum() - true * (true + 1) / 2) / pairs)
