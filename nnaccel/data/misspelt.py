"""Columns of text that were meant to be numbers, but for some of their cells."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import chain

from nnaccel.data.csvcells import split
from nnaccel.data.csvcolumns import Column
from nnaccel.data.csvnumbers import bare, comma_value, is_marked, is_number, may_be_thousands
from nnaccel.data.errors import DataError

#: A column was meant to be of numbers if so many of its cells are, at least, and this share.
_LEAST, _SHARE = 6, 0.8

#: From this share on, a column that is taken as text is warned of.
_TOLD = 0.5


def check_text(column: Column, lines: Sequence[int], path: object) -> None:
    """Refuse a column of text that was meant to be numbers; warn if it may have been.

    Parameters
    ----------
    column : Column
        Of text.
    lines : sequence of int
        Where in the file each cell is.
    path : Path
        The file.
    """
    counts = Counter(column.present())
    wrong = {cell: count for cell, count in counts.items() if not column.is_read(cell)}
    commas = sum(count for cell, count in wrong.items() if is_marked(cell))
    cells, misread = counts.total(), sum(wrong.values())
    meant = cells - misread + commas
    at = column.first_text()
    if at is None:
        return
    name, first = column.name, column.cells[at][:40]
    if column.decimal is not None and all(is_number(cell) or is_marked(cell) for cell in wrong):
        raise DataError(
            f"{path}: row {lines[at]}, column {name!r} holds {first!r}, which is no number where "
            f"{column.decimal!r} sets off decimals: give another --decimal, or take the column as "
            f"text: train or regress with --text {name!r}"
        )
    if meant == cells or (meant >= _LEAST and meant >= _SHARE * cells):
        if is_marked(column.cells[at]):
            raise DataError(
                f"{path}: row {lines[at]}, column {name!r} holds {first!r}: commas in numbers are "
                "not read here, nor points between thousands; write such numbers with a point "
                "only, 1234.5, or say what sets off decimals, --decimal , or --decimal ."
            )
        raise DataError(
            f"{path}: column {name!r} is of numbers but for {misread:,} of its {cells:,} cells, "
            f"the first {first!r} in row {lines[at]}: mend them, or leave them empty, and their "
            "rows are left out; if the numbers are codes, take them as text: train or "
            f"regress with --text {name!r}"
        )
    if all(is_number(plain) or is_marked(plain) for plain in map(bare, counts)):
        raise DataError(
            f"{path}: row {lines[at]}, column {name!r} holds {first!r}: signs of currency, percent "
            "signs, parentheses, apostrophes and blanks in numbers are not read; write plain "
            "numbers, 1234.5 or -5, or take the column as text: train or regress with --text "
            f"{name!r}"
        )
    if meant >= _TOLD * cells:
        warnings.warn(
            f"{path}: column {name!r} is taken as text although {meant / cells:.0%} of its cells "
            f"are numbers: row {lines[at]} holds {first!r}; mend or empty such cells if it is of "
            f"numbers, or train or regress with --text {name!r} to say that it is text",
            stacklevel=4,
        )


def check_decimals(columns: Sequence[Column], lines: Sequence[int], path: object) -> None:
    """Refuse marks in numbers that may set off decimals as well as thousands.

    Parameters
    ----------
    columns : sequence of Column
        Of a file that may have commas before decimals.
    lines : sequence of int
        Where in the file each row is.
    path : Path
        The file.
    """
    marked = {mark: [each for each in columns if _has(each, mark)] for mark in ",."}
    if all(marked.values()):
        comma, point = marked[","][0], marked["."][0]
        raise DataError(
            f"{path}: decimals follow a comma in column {comma.name!r} and a point in column "
            f"{point.name!r}, which holds {next(_cells_with('.', point))[1][:40]!r}: write them "
            "alike, or say which sets off decimals, --decimal , or --decimal ., and the other is "
            "taken to set off thousands"
        )
    for mark, found in marked.items():
        cells = chain.from_iterable(_cells_with(mark, column) for column in found)
        if found and all(may_be_thousands(cell) for _, cell in cells):
            row, cell = next(_cells_with(mark, found[0]))
            raise DataError(
                f"{path}: row {lines[row]}, column {found[0].name!r} holds {cell!r}, whose "
                f"{'comma' if mark == ',' else 'point'} may set off decimals or thousands: say "
                "what sets off decimals, --decimal , or --decimal ."
            )


def _has(column: Column, mark: str) -> bool:
    """Whether a column is of numbers, some of them with that mark before their decimals."""
    is_read = column.numbers is not None and (column.read is comma_value) == (mark == ",")
    return is_read and any(True for _ in _cells_with(mark, column))


def _cells_with(mark: str, column: Column) -> Iterator[tuple[int, str]]:
    """Rows and cells that hold the mark and are not missing."""
    start = 0
    for text in column.cells.joined:
        block = split(text)
        if mark in text:
            for row, cell in enumerate(block, start):
                if mark in cell and not column.absent[row]:
                    yield row, cell
        start += len(block)
