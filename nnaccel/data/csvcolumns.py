"""The columns of a CSV file with a header, each of numbers or of text, with cells missing."""

from __future__ import annotations

import re
from array import array
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

from nnaccel._config import unknown
from nnaccel.data.csvrows import is_number, open_rows
from nnaccel.data.errors import DataError

#: What stands for a missing value, in any case.
MISSING = ("", "NA", "N/A", "NaN", "null", "None", "?")


_WITH_COMMA = re.compile(r"[+-]?\d*,\d+|[+-]?\d+")


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
            i
            for i, cell in enumerate(self.cells)
            if not self.absent[i] and (not is_number(cell) or "_" in cell)
        )


@dataclass(frozen=True)
class Table:
    """The cells of a file as they came.

    Attributes
    ----------
    path : Path
    names : tuple of str
        The header.
    lines : sequence of int
        Where in the file each row is.
    columns : sequence of sequence of str
        Cells by column, as many for each as there are rows.
    """

    path: Path
    names: tuple[str, ...]
    lines: Sequence[int]
    columns: Sequence[Sequence[str]]

    @classmethod
    def read(cls, path: str | Path, max_bytes: int) -> Self:
        """Read a file whose first row names the columns, all but perhaps the first."""
        path, lines, rows = Path(path).expanduser(), array("q"), []
        with open_rows(path, max_bytes) as numbered:
            _, header = next(numbered)
            names = tuple(name.strip() for name in header)
            for line, row in numbered:
                lines.append(line)
                rows.append(row)
        if not rows:
            raise DataError(f"{path} has one row only: a header and rows below it are wanted")
        columns = list(zip(*rows, strict=True))
        unnamed = int(not names[0])  # where R writes the names of the rows
        return cls(path, names[unnamed:], lines, columns[unnamed:])

    def check(self, wanted: Collection[str]) -> None:
        """Refuse a header that does not name each column, once, or lacks a name of `wanted`."""
        absent = [name for name in wanted if name not in self.names]
        number = next((name for name in self.names if is_number(name)), None)
        if absent and number is not None:
            raise DataError(
                f"{self.path} has no header: its first row, which is to name the columns, holds "
                f"{number!r}"
            )
        for i, name in enumerate(self.names):
            if not name:
                raise DataError(f"{self.path}: the header has no name for column {i + 1}: give one")
            if name in self.names[:i]:
                first = self.names.index(name) + 1
                raise DataError(f"{self.path}: columns {first} and {i + 1} are both named {name!r}")
        if absent:
            raise DataError(f"{self.path}: {unknown('column', absent[0], self.names)}")

    def column(self, name: str, missing: Collection[str]) -> Column:
        """Parse a column, and refuse infinite numbers; `missing` is in lower case."""
        column = Column.of(name, self.columns[self.names.index(name)], missing)
        if column.numbers is None and all(map(_WITH_COMMA.fullmatch, column.present())):
            at = column.first_text()
            raise DataError(
                f"{self.path}: row {self.lines[at]}, column {name!r} has a decimal comma, "
                f"{column.cells[at]}: write its numbers with points"
            )
        if column.numbers is not None:
            wrong = np.flatnonzero(~np.isfinite(column.numbers) & ~column.absent)
            if len(wrong):
                cell = column.cells[wrong[0]]
                where = f"{self.path}: row {self.lines[wrong[0]]}, column {name!r}"
                raise DataError(f"{where} is {cell[:40]}, not a finite number")
        return column


def _number(cell: str) -> float:
    """`float`, but 2020_1 is text."""
    if "_" in cell:
        raise ValueError(cell)
    return float(cell)
