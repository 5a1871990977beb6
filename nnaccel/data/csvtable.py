"""The columns of a CSV file with a header."""

from __future__ import annotations

from array import array
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

import numpy as np

from nnaccel._validate import unknown_name
from nnaccel.data.csvcolumns import Column
from nnaccel.data.csvnumbers import is_number
from nnaccel.data.csvrows import open_rows
from nnaccel.data.errors import DataError
from nnaccel.data.misspelt import check_text


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
    separator : str
        What stands between cells.
    row_names : bool
        Whether a first column without a name was left out: R writes the rows' names there.
    """

    path: Path
    names: tuple[str, ...]
    lines: Sequence[int]
    columns: Sequence[Sequence[str]]
    separator: str
    row_names: bool

    @classmethod
    def read(cls, path: str | Path, max_bytes: int) -> Self:
        """Read a file whose first row names the columns, all but perhaps one before the others."""
        path, lines, rows = Path(path).expanduser(), array("q"), []
        with open_rows(path, max_bytes, row_names=True) as (separator, numbered):
            _, header = next(numbered)
            names = tuple(name.strip() for name in header)
            for line, row in numbered:
                lines.append(line)
                rows.append(row)
        if not rows:
            raise DataError(f"{path} has one row only: a header and rows below it are wanted")
        columns = list(zip(*rows, strict=True))
        row_names = not names[0]
        return cls(path, names[row_names:], lines, columns[row_names:], separator, row_names)

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
            if len(name.splitlines()) > 1:
                raise DataError(
                    f"{self.path}: the name of column {i + 1}, {name[:40]!r}, holds a line break: "
                    "write it on one line"
                )
            if name in self.names[:i]:
                first = self.names.index(name) + 1
                raise DataError(f"{self.path}: columns {first} and {i + 1} are both named {name!r}")
        if absent:
            raise DataError(f"{self.path}: {unknown_name('column', absent[0], self.names)}")

    def column(self, name: str, missing: Collection[str], as_text: bool) -> Column:
        """Parse a column, and refuse numbers misspelt or infinite; `missing` is in lower case."""
        raw = self.columns[self.names.index(name)]
        column = Column.of(name, raw, missing, commas=self.separator != ",")
        if as_text:
            return replace(column, numbers=None)
        if column.numbers is None:
            check_text(column, self.lines, self.path)
        else:
            infinite = np.flatnonzero(~np.isfinite(column.numbers) & ~column.absent)
            if len(infinite):
                cell = column.cells[infinite[0]]
                where = f"{self.path}: row {self.lines[infinite[0]]}, column {name!r}"
                raise DataError(f"{where} is {cell[:40]}, not a finite number")
        return column
