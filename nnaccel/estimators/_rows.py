"""Rows to train on, and some of them set aside to score by."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import train_test_split

#: Inputs, targets, and weights or None.
Rows = tuple[NDArray[Any], NDArray[Any], NDArray[np.float64] | None]


def set_aside(
    rows: Rows, share: float, seed: int, strata: NDArray[Any] | None
) -> tuple[Rows, Rows]:
    """Return the rows to train on, and the share of them that is set aside.

    Parameters
    ----------
    rows : Rows
    share : float
        `validation_fraction`.
    seed : int
        Decides which.
    strata : array, shape (N,), or None
        Classes, of which both parts have the same shares.
    """
    if not 0 < share < 1:
        raise ValueError(f"validation_fraction={share!r} must lie between 0 and 1")
    numbers = np.arange(len(rows[1]))
    learnt, held = train_test_split(numbers, test_size=share, random_state=seed, stratify=strata)
    return _chosen(rows, learnt), _chosen(rows, held)


def _chosen(rows: Rows, part: NDArray[np.intp]) -> Rows:
    """Return some of the rows; ValueError if none of them has a weight."""
    x, targets, weights = rows
    if weights is None:
        return x[part], targets[part], None
    if not weights[part].any():
        raise ValueError(
            "sample_weight is 0 for every row that is set aside to score by, or for every "
            "other: leave those rows out, or change validation_fraction"
        )
    return x[part], targets[part], weights[part]
