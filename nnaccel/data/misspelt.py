"""Columns of text that were meant to be numbers, but for some of their cells."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

from nnaccel.data.csvcolumns import Column, is_read

#: A number in which commas set off decimals, thousands, or both.
_WITH_COMMA = re.compile(r"[+-]?(\d*,\d+|\d{1,3}(,\d{3})+(\.\d*)?|\d{1,3}(\.\d{3})+,\d+)", re.ASCII)

#: A column was meant to be of numbers if so many of its cells are, at least, and this share.
_LEAST, _SHARE = 6, 0.8


def complaint(column: Column, lines: Sequence[int]) -> str | None:
    """Say which cell of a column of text was meant to be a number, and what to do.

    Parameters
    ----------
    column : Column
        Of text.
    lines : sequence of int
        Where in the file each cell is.

    Returns
    -------
    str or None
        None if the column is text.
    """
    counts = Counter(column.present())
    wrong = {cell: count for cell, count in counts.items() if not is_read(cell)}
    commas = sum(count for cell, count in wrong.items() if _WITH_COMMA.fullmatch(cell))
    cells, misread = counts.total(), sum(wrong.values())
    meant = cells - misread + commas
    if meant < cells and (meant < _LEAST or meant < _SHARE * cells):
        return None
    at = column.first_text()
    first = column.cells[at]
    if _WITH_COMMA.fullmatch(first):
        return (
            f"row {lines[at]}, column {column.name!r} holds {first[:40]!r}: commas in numbers are "
            "not read, since they may set off decimals or thousands; write such numbers with a "
            "point only, 1234.5"
        )
    return (
        f"column {column.name!r} is of numbers but for {misread:,} of its {cells:,} cells, the "
        f"first {first[:40]!r} in row {lines[at]}: mend them, or leave them empty, and their rows "
        "are left out; if the numbers are codes, put a letter before each"
    )
