"""Columns of text that were meant to be numbers, but for some of their cells."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Sequence

from nnaccel.data.csvcolumns import Column
from nnaccel.data.csvnumbers import bare, has_comma, is_read, may_be_thousands
from nnaccel.data.errors import DataError

#: A column was meant to be of numbers if so many of its cells are, at least, and this share.
_LEAST, _SHARE = 6, 0.8

#: From this share on, that a column is taken as text is told.
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
    commas = sum(count for cell, count in wrong.items() if has_comma(cell))
    cells, misread = counts.total(), sum(wrong.values())
    meant = cells - misread + commas
    at = column.first_text()
    if at is None:
        return
    name, first = column.name, column.cells[at][:40]
    if meant == cells or (meant >= _LEAST and meant >= _SHARE * cells):
        if has_comma(column.cells[at]):
            raise DataError(
                f"{path}: row {lines[at]}, column {name!r} holds {first!r}: commas in numbers are "
                "not read here, since they may set off decimals or thousands; write such numbers "
                "with a point only, 1234.5"
            )
        raise DataError(
            f"{path}: column {name!r} is of numbers but for {misread:,} of its {cells:,} cells, "
            f"the first {first!r} in row {lines[at]}: mend them, or leave them empty, and their "
            f"rows are left out; if the numbers are codes, take them as text, --text {name!r}"
        )
    if all(is_read(plain) or has_comma(plain) for plain in map(bare, counts)):
        raise DataError(
            f"{path}: row {lines[at]}, column {name!r} holds {first!r}: signs of currency, percent "
            "signs and blanks in numbers are not read; write plain numbers, 1234.5, or take the "
            f"column as text, --text {name!r}"
        )
    if meant >= _TOLD * cells:
        warnings.warn(
            f"{path}: column {name!r} is taken as text although {meant / cells:.0%} of its cells "
            f"are numbers: row {lines[at]} holds {first!r}; mend or empty such cells if it is of "
            f"numbers, or ask for text, --text {name!r}",
            stacklevel=4,
        )


def check_commas(columns: Sequence[Column], path: object) -> None:
    """Refuse commas before decimals beside points; warn of those that may set off thousands."""
    numbers = [column for column in columns if column.numbers is not None]
    with_commas = [column for column in numbers if column.decimal == ","]
    for column in with_commas:
        for other in numbers:
            cell = next((cell for cell in other.present() if "." in cell), None)
            if other.decimal == "." and cell is not None:
                raise DataError(
                    f"{path}: decimals follow a comma in column {column.name!r} and a point in "
                    f"column {other.name!r}, which holds {cell[:40]!r}: write them alike"
                )
        cells = [cell for cell in column.present() if "," in cell]
        if all(map(may_be_thousands, cells)):
            warnings.warn(
                f"{path}: column {column.name!r} holds {cells[0]!r}, which is read as "
                f"{float(cells[0].replace(',', '.')):g}: a comma sets off decimals; leave it out "
                "if it is to set off thousands",
                stacklevel=3,
            )
