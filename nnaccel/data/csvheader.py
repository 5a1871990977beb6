"""Whether the first row of a CSV file names the columns, or is a row of data."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from pathlib import Path

import numpy as np

from nnaccel.data.csvcells import Cells
from nnaccel.data.csvcolumns import MISSING
from nnaccel.data.csvnumbers import grouped_value, is_marked, is_number, value
from nnaccel.data.errors import DataError

#: Header names that mark the label column, the first found winning.
LABEL_NAMES = ("label", "target", "y", "class")

#: Rows below the first that are compared with it: fewer where there are many columns.
_LEAST_ROWS, _MOST_ROWS, _CELLS = 100, 1000, 1 << 20

_MISSING = {spelling.lower() for spelling in MISSING}


def is_header(first: Sequence[str], columns: Sequence[Cells], path: Path) -> bool:
    """Whether the first row names the columns, by what stands below each of its cells.

    A name stands over numbers, or is a word that no cell below repeats. A cell that occurs below is
    one of the data. Whole numbers may be either: names if they are unlike the numbers below.

    Raises
    ------
    DataError
        If it may be either.
    """
    rows = min(_MOST_ROWS, max(_LEAST_ROWS, _CELLS // len(columns)))
    over_numbers = repeated = unrepeated = False
    numbers, alike = [], []
    for cell, cells in zip(first, columns, strict=True):
        below = [each for each in islice(cells, rows) if each.lower() not in _MISSING]
        numeric = bool(below) and all(map(_is_number, below))
        if cell.lower() in _MISSING:
            continue
        if _is_number(cell):
            numbers.append(cell)
            if numeric:
                alike.append((cell, below))
        elif numeric:
            over_numbers = over_numbers or any(map(str.isalpha, cell))
        elif cell in below:
            repeated = True
        else:
            unrepeated = unrepeated or len(set(below)) < len(below) or cell.lower() in LABEL_NAMES
    whole = all(cell.isascii() and cell.isdecimal() for cell in numbers)
    if not numbers:
        if over_numbers or not repeated:
            return True
        if not unrepeated:
            return False
    elif over_numbers:
        if whole and not repeated:
            return True
    elif repeated or not whole or not (unrepeated or _are_names(alike)):
        return False
    elif any(cell.lower() in LABEL_NAMES for cell in first):
        return True
    shown = numbers[0] if numbers else first[0]
    raise DataError(
        f"{path}: its first row, which holds {shown[:40]!r}, may name the columns or be a row of "
        "data: say which with --header or --no-header"
    )


def _are_names(columns: Sequence[tuple[str, Sequence[str]]]) -> bool:
    """Whether whole numbers over numbers are unlike them: years, or 0, 1, 2, … in a row."""
    first = np.array([float(cell) for cell, _ in columns])
    if len(first) < 2 or len(set(first.tolist())) < len(first):
        return False
    second = np.array([_number(cells[0]) for _, cells in columns])
    is_run = (np.diff(first) == 1).all() and (len(first) > 2 or 1900 <= first[0] < 2100)
    if is_run and not (np.diff(second) == 1).all():
        return True
    return all(map(_is_far, first, columns)) or not any(_has_whole(cells) for _, cells in columns)


def _is_far(value: float, column: tuple[str, Sequence[str]]) -> bool:
    """Whether a number is farther from those below it than they are from each other."""
    below = [_number(cell) for cell in column[1]]
    low, high = min(below), max(below)
    return len(below) > 2 and max(low - value, value - high) > high - low


def _has_whole(cells: Sequence[str]) -> bool:
    """Whether one of the numbers is whole, or they are too few to say."""
    return len(cells) < 3 or any(_number(cell).is_integer() for cell in cells)


def _is_number(cell: str) -> bool:
    """Whether it is a number in any spelling."""
    return is_number(cell) or is_marked(cell)


def _number(cell: str) -> float:
    """The number, in any spelling; which mark sets off decimals does not matter here."""
    for read in (value, grouped_value(","), grouped_value(".")):
        if is_number(cell, read):
            return read(cell)
    raise ValueError(cell)
