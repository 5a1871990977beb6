"""A column of a CSV file: of numbers or of text, with cells missing."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from nnaccel.data.csvcells import Cells, split
from nnaccel.data.csvnumbers import comma_value, follows_comma, grouped_value, is_number, value

#: What stands for a missing value, in any case.
MISSING = ("", "NA", "N/A", "N.A.", "#N/A", "<NA>", "NaN", "null", "None", "?")


@dataclass(frozen=True)
class Column:
    """One column.

    Attributes
    ----------
    name : str
    cells : Cells
    absent : ndarray of bool
        Which cells are missing.
    numbers : ndarray of float64, or None
        NaN where a cell is missing; None if one of the others is not a number.
    read : callable
        Makes a cell a number, or raises a ValueError.
    decimal : '.' or ',' or None
        What was said to set off decimals.
    """

    name: str
    cells: Cells
    absent: NDArray[np.bool_]
    numbers: NDArray[np.float64] | None
    read: Callable[[str], float] = value
    decimal: str | None = None

    @classmethod
    def of(
        cls, name: str, cells: Cells, missing: Collection[str], decimal: str | None, commas: bool
    ) -> Self:
        """Parse the cells.

        Parameters
        ----------
        name : str
        cells : Cells
        missing : collection of str
            In lower case.
        decimal : '.' or ',', optional
            What sets off decimals; the other then sets off thousands. By default a point does.
        commas : bool
            Whether commas may set off decimals if nothing is said.
        """
        read = value if decimal is None else grouped_value(decimal)
        numbers, absent = _parse(cells, missing, read)
        if numbers is None and decimal is None and commas:
            with_commas, _ = _parse(cells, missing, comma_value)
            if with_commas is not None or follows_comma(cells):
                return cls(name, cells, absent, with_commas, comma_value)
        return cls(name, cells, absent, numbers, read, decimal)

    def present(self) -> Iterator[str]:
        """The cells that are not missing."""
        return (cell for cell, gone in zip(self.cells, self.absent, strict=True) if not gone)

    def is_read(self, cell: str) -> bool:
        """Whether the cell is a number of this column."""
        return is_number(cell, self.read)

    def first_text(self) -> int | None:
        """Position of the first cell that is no number; None where all are numbers."""
        return next(
            (i for i, cell in enumerate(self.cells) if not (self.absent[i] or self.is_read(cell))),
            None,
        )


def _parse(
    cells: Cells, missing: Collection[str], read: Callable[[str], float]
) -> tuple[NDArray[np.float64] | None, NDArray[np.bool_]]:
    """Numbers, or None if a cell that is not missing is none, and which cells are missing."""
    numbers: NDArray[np.float64] | None = np.full(len(cells), np.nan)
    absent = np.zeros(len(cells), bool)
    plain = read is value and not any(map(is_number, set(missing) - {"nan"}))
    start = 0
    for text in cells.joined:
        block = split(text)
        part = slice(start, start + len(block))
        start = part.stop
        if numbers is not None and plain and "_" not in text:
            try:
                numbers[part] = np.fromiter(map(float, block), float, len(block))
            except ValueError:
                pass
            else:
                for row in np.flatnonzero(np.isnan(numbers[part])).tolist():
                    absent[part.start + row] = block[row].lower() in missing
                continue
        absent[part] = [cell.lower() in missing for cell in block]
        if numbers is not None and not _fill(numbers[part], block, absent[part], read):
            numbers = None
    return numbers, absent


def _fill(
    numbers: NDArray[np.float64],
    block: list[str],
    absent: NDArray[np.bool_],
    read: Callable[[str], float],
) -> bool:
    """Read the cells that are not missing, and say whether all are numbers."""
    for row in np.flatnonzero(~absent).tolist():
        try:
            numbers[row] = read(block[row])
        except ValueError:
            return False
    return True
