"""A table of numbers with a label column, from a CSV file."""

from __future__ import annotations

import csv
import math
from array import array
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnaccel.data.errors import MAX_BYTES, DataError, existing_file

#: Header names that mark the label column, the first found winning; else it is the last column.
LABEL_NAMES = ("label", "target", "y", "class")

Table = tuple[NDArray[np.float32], NDArray[np.int64], list[str]]


def read_csv(path: str | Path, *, max_bytes: int = MAX_BYTES) -> Table:
    """Read `path` into x (N, features) float32, codes (N,) and names: row i is names[codes[i]]."""
    path = existing_file(path)
    size = path.stat().st_size
    if size > max_bytes:
        raise DataError(f"{path} has {size:,} bytes: more than the bound {max_bytes:,}")
    try:
        with open(path, newline="", encoding="utf-8-sig") as file:
            first = file.readline(1 << 16)
            file.seek(0)
            delimiter = max(",;\t", key=first.count)
            rows = csv.reader(file, delimiter=delimiter, skipinitialspace=True, strict=True)
            return _read_rows(rows, path)
    except UnicodeDecodeError:
        raise DataError(f"{path} is not UTF-8 text: a CSV file was expected") from None
    except csv.Error as error:
        raise DataError(f"{path} is not a well-formed CSV file: {error}") from None


def _read_rows(rows: Any, path: Path) -> Table:
    """Parse each row as it comes; only 4 bytes a number, and each label once, are kept."""
    row = next((row for row in rows if row), None)
    if row is None:
        raise DataError(f"{path} is empty")
    if len(row) < 2:
        raise DataError(f"{path} has one column; features and a label were expected")
    columns = [name.strip() for name in row] if _is_header(row) else []
    column = _label_column(columns, len(row))
    names = columns or [str(i + 1) for i in range(len(row))]
    label_name = names.pop(column)
    width = len(row)

    x, codes, lines = array("f"), array("q"), array("q")
    index: dict[str, int] = {}
    if columns:
        row = next(rows, None)
    while row is not None:
        if row:
            place = f"{path}: row {rows.line_num}"
            if len(row) != width:
                raise DataError(f"{place} has {len(row)} cells; the first row has {width}")
            label = row.pop(column).strip()
            if label not in index:
                _check_label(label, label_name, place)
                index[label] = len(index)
            try:
                x.extend(map(float, row))
            except ValueError:
                raise DataError(f"{place}, {_bad_cell(row, names)}") from None
            codes.append(index[label])
            lines.append(rows.line_num)
        row = next(rows, None)
    if not codes:
        raise DataError(f"{path} has a header and no rows")
    features = np.frombuffer(x, np.float32).reshape(len(codes), len(names))
    _check_finite(features, lines, names, path)
    return features, np.frombuffer(codes, np.int64), list(index)


def _is_number(cell: str) -> bool:
    """Whether the cell parses as a number, NaN and infinity included."""
    try:
        float(cell)
    except ValueError:
        return False
    return True


def _is_header(row: Sequence[str]) -> bool:
    """Whether the first row names columns: one of them the label, or none of them a number."""
    known = any(cell.strip().lower() in LABEL_NAMES for cell in row)
    return known or not any(_is_number(cell) for cell in row)


def _label_column(columns: Sequence[str], width: int) -> int:
    """Index of the label column."""
    lowered = [name.lower() for name in columns]
    return next((lowered.index(name) for name in LABEL_NAMES if name in lowered), width - 1)


def _check_label(label: str, column: str, place: str) -> None:
    """Refuse a blank, NaN or infinite label."""
    if not label:
        raise DataError(f"{place}, column {column!r} is blank")
    if _is_number(label) and not math.isfinite(float(label)):
        raise DataError(f"{place}, column {column!r} is {label}")


def _bad_cell(row: Sequence[str], names: Sequence[str]) -> str:
    """Say what is wrong with the first cell that is not a number."""
    name, cell = next((n, c) for n, c in zip(names, row, strict=True) if not _is_number(c))
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
