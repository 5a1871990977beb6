"""A column of a CSV file: of numbers or of text, with cells missing."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from nnaccel.data.csvnumbers import decimal_of, is_read, value

#: What stands for a missing value, in any case.
MISSING = ("", "NA", "N/A", "N.A.", "#N/A", "<NA>", "NaN", "null", "None", "?")


@dataclass(frozen=True)
class Column:
    """One column.

    Attributes
    ----------
    name : str
    cells : sequence of str
        Without blanks around them.
    absent : ndarray of bool
        Which cells are missing.
    numbers : ndarray of float64, or None
        NaN where a cell is missing; None if one of the others is not a number.
    decimal : str
        What sets off the decimals of numbers: a point or a comma.
    """

    name: str
    cells: Sequence[str]
    absent: NDArray[np.bool_]
    numbers: NDArray[np.float64] | None
    decimal: str = "."

    @classmethod
    def of(
        cls, name: str, raw: Sequence[str], missing: Collection[str], commas: bool = False
    ) -> Self:
        """Parse the cells; `missing` is in lower case, `commas` may set off decimals."""
        cells = [cell.strip() for cell in raw]
        absent = np.fromiter((cell.lower() in missing for cell in cells), bool, len(cells))
        numbers = np.full(len(cells), np.nan)
        present = cells
        if absent.any():
            present = [cell for cell, gone in zip(cells, absent.tolist(), strict=True) if not gone]
        try:
            numbers[~absent] = np.fromiter(map(value, present), float, len(present))
        except ValueError:
            decimal = decimal_of(present) if commas else "."
        else:
            return cls(name, cells, absent, numbers)
        if decimal == "," and all(is_read(cell, decimal) for cell in present):
            numbers[~absent] = [value(cell.replace(",", ".")) for cell in present]
            return cls(name, cells, absent, numbers, decimal)
        return cls(name, cells, absent, None, decimal)

    def present(self) -> Iterator[str]:
        """The cells that are not missing."""
        return (cell for cell, gone in zip(self.cells, self.absent, strict=True) if not gone)

    def is_read(self, cell: str) -> bool:
        """Whether the cell is a number of this column."""
        return is_read(cell, self.decimal)

    def first_text(self) -> int | None:
        """Position of the first cell that is no number; None if all are, and text was asked for."""
        return next(
            (i for i, cell in enumerate(self.cells) if not (self.absent[i] or self.is_read(cell))),
            None,
        )
