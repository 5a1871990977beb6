"""From a column of names or numbers to labels 0 … C-1, or to values for regression."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnaccel.data.errors import DataError

#: More distinct whole numbers than this are values to predict, not classes.
MAX_CLASSES = 1000

Labels = tuple[NDArray[Any], tuple[str, ...]]


def from_names(
    codes: NDArray[np.int64], names: Sequence[str], classes: Sequence[str] | None, source: str
) -> Labels:
    """Labels of rows whose name is ``names[codes]``; names that are all numbers count as such."""
    try:
        numbers = np.array([float(name) for name in names])
    except ValueError:
        known = sorted(names) if classes is None else list(classes)
        return _lookup(names, known, source)[codes], tuple(known)
    return from_numbers(numbers[codes], classes, source)


def from_numbers(y: NDArray[Any], classes: Sequence[str] | None, source: str) -> Labels:
    """Labels if `y` holds whole numbers, else float32 values and no classes.

    0 … 999 stand for themselves, so that a part of a data set keeps its labels; others, such as
    -1 and 1, are numbered in ascending order.
    """
    with np.errstate(over="ignore"):
        values = y.astype(np.float32)
    if not np.isfinite(values).all():
        row = int(np.flatnonzero(~np.isfinite(values))[0])
        raise DataError(f"{source}: the label of row {row} is {y[row]}, not a finite float32")
    if y.dtype.kind == "f" and not np.array_equal(y, np.rint(y)):
        return _as_values(values, classes, source)
    distinct, codes = np.unique(y, return_inverse=True)
    if len(distinct) > MAX_CLASSES:
        return _as_values(values, classes, source)
    names = [str(int(value)) for value in distinct]
    known = names
    if classes is not None and set(names) & set(classes):
        known = list(classes)
    elif classes is not None:  # named in words, given as positions
        known = [str(k) for k in range(len(classes))]
    elif distinct[0] >= 0 and distinct[-1] < MAX_CLASSES:
        known = [str(k) for k in range(int(distinct[-1]) + 1)]
    return _lookup(names, known, source)[codes], tuple(known if classes is None else classes)


def _lookup(names: Sequence[str], known: Sequence[str], source: str) -> NDArray[np.int64]:
    """Position of each name in `known`."""
    index = {name: label for label, name in enumerate(known)}
    strangers = sorted(set(names) - set(index))
    if strangers:
        raise DataError(
            f"{source} has the label {strangers[0]!r}; the classes are {', '.join(known[:10])}"
            + (" …" if len(known) > 10 else "")
        )
    return np.array([index[name] for name in names], np.int64)


def _as_values(values: NDArray[np.float32], classes: Sequence[str] | None, source: str) -> Labels:
    """Values for regression, unless classes were asked for."""
    if classes is not None:
        raise DataError(f"{source} holds values to predict, where labels of classes are wanted")
    return values, ()
