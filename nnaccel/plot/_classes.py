"""Classes of a model, and labels as their numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnaccel._text import shorten


def known_classes(model: Any) -> NDArray[Any] | None:
    """Return the labels that a classifier was fitted to; None of a network, whose are numbers."""
    known = getattr(model, "classes_", None)
    return None if known is None else np.asarray(known)


def class_numbers(y: Any, known: NDArray[Any]) -> NDArray[np.intp]:
    """Return the number of each label among the classes, in ascending order; of one-hot rows too.

    Raises
    ------
    ValueError
        If a label is none of them.
    """
    labels = np.asarray(y)
    labels = np.ravel(labels.argmax(axis=1) if is_wide(labels) else labels)
    strange = [*{*labels.tolist()} - {*known.tolist()}]
    if strange:
        raise ValueError(
            "y has labels that are no classes of the model, such as "
            f"{shorten(repr(strange[0]))}: these are "
            f"{shorten(', '.join(map(repr, known.tolist())))}"
        )
    return np.searchsorted(known, labels)


def is_wide(rows: NDArray[Any]) -> bool:
    """Whether rows have a number for each class."""
    return rows.ndim == 2 and rows.shape[1] > 1
