"""A column of a CSV file: of numbers or of text, with cells missing."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from nnaccel.data.csvrows import is_number

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
    """

    name: str
    cells: Sequence[str]
    absent: NDArray[np.bool_]
    numbers: NDArray[np.float64] | None

    @classmethod
    def of(cls, name: str, raw: Sequence[str], missing: Collection[str]) -> Self:
        """Parse the cells; `missing` is in lower case."""
        cells = [cell.strip() for cell in raw]
        absent = np.fromiter((cell.lower() in missing for cell in cells), bool, len(cells))
        numbers = np.full(len(cells), np.nan)
        present = cells
        if absent.any():
            present = [cell for cell, gone in zip(cells, absent.tolist(), strict=True) if not gone]
        try:
            numbers[~absent] = np.fromiter(map(_number, present), float, len(present))
        except ValueError:
            return cls(name, cells, absent, None)
        return cls(name, cells, absent, numbers)

    def present(self) -> Iterator[str]:
        """The cells that are not missing."""
        return (cell for cell, gone in zip(self.cells, self.absent, strict=True) if not gone)

    def first_text(self) -> int:
        """Position of the first cell that makes this a column of text."""
        return next(
            i for i, cell in enumerate(self.cells) if not self.absent[i] and not is_read(cell)
        )


def is_read(cell: str) -> bool:
    """Whether the cell is a number, which 2020_1 is not."""
    return "_" not in cell and is_number(cell)


def _number(cell: str) -> float:
    """`float` of what `is_read`."""
    if "_" in cell:
        raise ValueError(cell)
    return float(cell)
