"""The confusion matrix: counts, and a table in plain text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray


def confusion_counts(y: ArrayLike, predicted: ArrayLike, classes: int) -> NDArray[np.int64]:
    """Count how often each class was predicted for each true class.

    Parameters
    ----------
    y, predicted : array_like of int, shape (N,)
        True and predicted labels 0 … `classes` - 1.
    classes : int
        Number of classes.

    Returns
    -------
    ndarray of int64, shape (classes, classes)
        Row i, column j: number of rows of class i predicted as j. The diagonal is right.

    Raises
    ------
    ValueError
        If the two differ in length, or a label is out of range.

    Examples
    --------
    >>> confusion_counts([0, 0, 1], [0, 1, 1], classes=2)
    array([[1, 1],
           [0, 1]])
    """
    true, found = np.asarray(y, np.int64), np.asarray(predicted, np.int64)
    if true.ndim != 1 or true.shape != found.shape:
        raise ValueError(f"y has shape {true.shape} and predicted {found.shape}; both must be (N,)")
    for name, labels in (("y", true), ("predicted", found)):
        if labels.size and (labels.min() < 0 or labels.max() >= classes):
            raise ValueError(
                f"{name} holds labels {labels.min()} … {labels.max()}; expected 0 … {classes - 1}"
            )
    counts = np.bincount(true * classes + found, minlength=classes**2)
    return counts.reshape(classes, classes).astype(np.int64)


def confusion_text(counts: NDArray[Any], classes: Sequence[str], width: int | None = None) -> str:
    """Return the counts as a table: a row for each true class, a column for each predicted one.

    Parameters
    ----------
    counts : ndarray of int, shape (C, C)
        As returned by `confusion_counts`.
    classes : sequence of str
        Name of each class; long ones are cut.
    width : int, optional
        Columns that there are. Where the table takes more, there is a line for each true class,
        with what it was most often taken for.

    Returns
    -------
    str
        A dot stands for zero; the last column is the share of right predictions.

    Examples
    --------
    >>> import numpy as np
    >>> counts, classes = np.array([[9, 1], [0, 10]]), ["cat", "dog"]
    >>> print(confusion_text(counts, classes))
    true    predicted
            cat dog   right
    cat       9   1   90.0%
    dog       .  10  100.0%
    >>> print(confusion_text(counts, classes, width=22))
    true   right  taken for
    cat    90.0%  dog (1)
    dog   100.0%
    """
    names = [name if len(name) <= 10 else f"{name[:9]}…" for name in classes]
    left = max(6, *map(len, names)) + 1
    rights = [_share(row[i], row.sum()) for i, row in enumerate(counts)]
    cells = [[str(count) if count else "." for count in row] for row in counts]
    each = max(3, *(len(text) for row in [names, *cells] for text in row)) + 1
    if width is not None and left + each * len(names) + 8 > width:
        return _mistakes(counts, names, rights, width)
    rows = [f"{'true':<{left}} predicted"]
    rows.append(" " * left + "".join(f"{name:>{each}}" for name in names) + "   right")
    for name, line, right in zip(names, cells, rights, strict=True):
        rows.append(f"{name:<{left}}" + "".join(f"{cell:>{each}}" for cell in line) + f"{right:>8}")
    return "\n".join(rows)


def _mistakes(counts: NDArray[Any], names: Sequence[str], rights: Sequence[str], width: int) -> str:
    """What each class was most often taken for, as far as there is room."""
    left = max(4, *map(len, names))
    rows = [f"{'true':<{left}}  {'right':>6}  taken for"]
    for i, (name, row, right) in enumerate(zip(names, counts, rights, strict=True)):
        line = f"{name:<{left}}  {right:>6} "
        for j in np.argsort(-row, kind="stable"):
            if j == i or not row[j]:
                continue
            text = f" {names[j]} ({row[j]}),"
            if len(line) + len(text) - 1 > width:
                break  # rather than tell of a rarer one
            line += text
        rows.append(line.rstrip(" ,"))
    return "\n".join(rows)


def _share(part: int, whole: int) -> str:
    return f"{part / whole:.1%}" if whole else "–"
