"""From a column of names or numbers to labels 0 … C-1, or to values for regression."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnaccel.data.errors import DataError
from nnaccel.data.levels import MAX_SHARE

TASKS = ("classify", "regress")

#: Up to so many different whole numbers are classes unless something is said.
_FEW = 20

#: More classes than this are none.
_MAX_CLASSES = 1000


@dataclass(frozen=True)
class Labels:
    """What is to be predicted of each row.

    Attributes
    ----------
    y : ndarray, shape (N,)
        int64 labels in 0 … C-1, or numbers.
    classes : tuple of str
        Names of the C classes; none where numbers are predicted.
    why : str
        What the column holds and is taken for.
    """

    y: NDArray[Any]
    classes: tuple[str, ...]
    why: str


def labels_of(
    values: NDArray[Any],
    path: Path,
    name: str = "the label",
    *,
    task: str | None = None,
    classes: Sequence[str] | None = None,
    counted: bool = False,
    positions: bool = True,
) -> Labels:
    """Take text as names of classes, and numbers as names or values.

    Parameters
    ----------
    values : ndarray, shape (N,)
        Numbers, or text.
    path : Path
        The file, for messages.
    name : str
        What to call them there.
    task : 'classify' or 'regress', optional
        By default numbers are names if they are whole and up to 20 different ones, which repeat.
    classes : sequence of str, optional
        Names in the order of their labels, for instance those a model was trained on.
    counted : bool
        Whether 0 … C-1, without a gap, are names of classes too if they are more than 20.
    positions : bool
        Whether numbers may be positions of `classes` that have words for names.
    """
    source = f"{path}: {name}"
    is_text = values.dtype.kind in "OU"
    if is_text and task == "regress":
        raise DataError(
            f"{source} holds text, {values[0][:40]!r}, where numbers are to be predicted"
        )
    if not is_text:
        _check_finite(values, source)
    distinct, codes = np.unique(values, return_inverse=True)
    whole = not is_text and (
        values.dtype.kind != "f" or np.array_equal(distinct, np.rint(distinct))
    )
    if classes is None and not is_text:
        is_run = counted and distinct[0] == 0 and distinct[-1] == len(distinct) - 1
        most = _MAX_CLASSES if is_run else _FEW
        few = whole and len(distinct) <= min(most, _most_classes(len(values)))
        if task == "regress" or (task is None and not few):
            what = "whole numbers" if whole else "numbers"
            why = f"{len(distinct):,} different {what}, which are predicted as such"
            return Labels(values.astype(np.float64), (), why)
    names = [str(value).removesuffix(".0") for value in distinct.tolist()]
    if not is_text and whole:
        names = [str(int(value)) for value in distinct.tolist()]
    if classes is None:
        _check_count(names, len(values), source)
        return Labels(codes.astype(np.int64), tuple(names), f"{len(names):,} classes")
    known, why = list(classes), "classes of the model"
    if positions and not is_text and not any(map(_is_number, known)):
        known, why = [str(k) for k in range(len(known))], "positions of the model's classes"
    return Labels(_lookup(names, known, path)[codes], tuple(classes), why)


def _check_finite(values: NDArray[Any], source: str) -> None:
    """Refuse NaN, infinity and numbers beyond float32."""
    with np.errstate(over="ignore"):
        finite = np.isfinite(values.astype(np.float32))
    if not finite.all():
        row = int(np.flatnonzero(~finite)[0])
        raise DataError(f"{source} of row {row} is {values[row]}, not a finite float32")


def _most_classes(rows: int) -> float:
    """How many classes so many rows may have."""
    return min(_MAX_CLASSES, max(2, MAX_SHARE * rows))


def _check_count(names: Sequence[str], rows: int, source: str) -> None:
    """Refuse one class, and so many that hardly a row is like another."""
    if len(names) > _most_classes(rows):
        raise DataError(
            f"{source} has {len(names):,} different values in {rows:,} rows, too many for classes: "
            "choose another column, --label, or predict numbers, --task regress"
        )
    if len(names) < 2:
        raise DataError(f"{source} is {names[0][:40]!r} in every row: there is nothing to learn")


def _is_number(name: str) -> bool:
    """Whether a class has the name of a number."""
    return name.removeprefix("-").replace(".", "", 1).isdecimal()


def _lookup(names: Sequence[str], known: Sequence[str], path: Path) -> NDArray[np.int64]:
    """Position of each name in `known`."""
    index = {name: label for label, name in enumerate(known)}
    strangers = sorted(set(names) - set(index))
    if strangers:
        raise DataError(
            f"{path} has the label {strangers[0]!r}; the classes are {', '.join(known[:10])}"
            + (" …" if len(known) > 10 else "")
        )
    return np.array([index[name] for name in names], np.int64)
