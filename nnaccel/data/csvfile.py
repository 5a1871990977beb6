"""A table of numbers with a label column, from a CSV file."""

from __future__ import annotations

import math
from array import array
from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nnaccel.data.csvnumbers import is_number
from nnaccel.data.csvrows import Row, open_rows
from nnaccel.data.errors import MAX_BYTES, DataError

#: Header names that mark the label column, the first found winning; else it is the last column.
LABEL_NAMES = ("label", "target", "y", "class")

Table = tuple[NDArray[np.float32], NDArray[np.int64], list[str]]


def read_csv(path: str | Path, *, max_bytes: int = MAX_BYTES) -> Table:
    """Read `path` into x (N, features) float32, codes (N,) and names: row i is names[codes[i]]."""
    with open_rows(path, max_bytes) as (_, rows):
        return _read_rows(rows, Path(path).expanduser())


def _read_rows(rows: Iterator[Row], path: Path) -> Table:
    """Parse each row as it comes; only 4 bytes a number, and each label once, are kept."""
    first = next(rows)
    row = first[1]
    if len(row) < 2:
        raise DataError(f"{path} has one column; features and a label were expected")
    columns = [name.strip() for name in row] if _is_header(row) else []
    column = _label_column(columns, len(row))
    names = columns or [str(i + 1) for i in range(len(row))]
    label_name = names.pop(column)

    x, codes, lines = array("f"), array("q"), array("q")
    index: dict[str, int] = {}
    for line, row in rows if columns else chain([first], rows):
        place = f"{path}: row {line}"
        label = row.pop(column).strip()
        if label not in index:
            _check_label(label, label_name, place)
            index[label] = len(index)
        try:
            x.extend(map(float, row))
        except ValueError:
            raise DataError(f"{place}, {_bad_cell(row, names)}") from None
        codes.append(index[label])
        lines.append(line)
    if not codes:
        raise DataError(f"{path} has a header and no rows")
    features = np.frombuffer(x, np.float32).reshape(len(codes), len(names))
    _check_finite(features, lines, names, path)
    return features, np.frombuffer(codes, np.int64), list(index)


def _is_header(row: Sequence[str]) -> bool:
    """Whether the first row names columns: one of them the label, or none of them a number."""
    known = any(cell.strip().lower() in LABEL_NAMES for cell in row)
    return known or not any(is_number(cell) for cell in row)


def _label_column(columns: Sequence[str], width: int) -> int:
    """Index of the label column."""
    lowered = [name.lower() for name in columns]
    return next((lowered.index(name) for name in LABEL_NAMES if name in lowered), width - 1)


def _check_label(label: str, column: str, place: str) -> None:
    """Refuse a blank, NaN or infinite label."""
    if not label:
        raise DataError(f"{place}, column {column!r} is blank")
    if is_number(label) and not math.isfinite(float(label)):
        raise DataError(f"{place}, column {column!r} is {label}")


def _bad_cell(row: Sequence[str], names: Sequence[str]) -> str:
    """Say what is wrong with the first cell that is not a number."""
    name, cell = next((n, c) for n, c in zip(names, row, strict=True) if not is_number(c))
    what = f"holds {cell[:40]!r}, not a number" if cell.strip() else "is blank"
    return f"column {name!r} {what}"


def _check_finite(
    x: NDArray[np.float32], lines: Sequence[int], names: Sequence[str], path: Path
) -> None:
    """Refuse NaN, infinity and numbers beyond float32."""
    finite = np.isfinite(x)
    if not finite.all():
        i, j = np.argwhere(~finite)[0]
        raise DataError(
            f"{path}: row {lines[i]}, column {names[j]!r} is {x[i, j]}, not a finite float32"
        )
