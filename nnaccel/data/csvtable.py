"""The columns of a CSV file and their names."""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from itertools import takewhile
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

from nnaccel.data.csvcells import Cells
from nnaccel.data.csvcolumns import Column
from nnaccel.data.csvheader import is_header
from nnaccel.data.csvnumbers import is_number
from nnaccel.data.csvrows import Rows, read_rows
from nnaccel.data.errors import DataError
from nnaccel.data.misspelt import check_decimals, check_text

#: What pandas calls an index that it wrote without a name.
_UNNAMED = re.compile(r"Unnamed: 0(\.\d+)*")

#: Fewer rows than these may be numbered by a column by chance.
_FEW_ROWS = 10

#: Of more columns than these the names are not all listed.
_MOST_NAMED = 20


@dataclass(frozen=True)
class Table:
    """The cells of a file as they came.

    Attributes
    ----------
    path : Path
    columns : dict of str to Cells
        By name; the names are 1, 2, … where there is no header.
    lines : sequence of int
        Where in the file each row is.
    separator : str
        What stands between cells.
    has_header : bool
    index : tuple of str
        Names of the columns left out because they hold the rows' names.
    notes : tuple of str
        What was left out, in words.
    """

    path: Path
    columns: dict[str, Cells]
    lines: Sequence[int]
    separator: str
    has_header: bool
    index: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @classmethod
    def read(
        cls, path: str | Path, max_bytes: int, *, header: bool | None, keep_index: bool
    ) -> Self:
        """Read a file.

        Parameters
        ----------
        path : str or Path
        max_bytes : int
        header : bool or None
            Whether the first row names the columns; None to find out.
        keep_index : bool
            Whether a first column without a name is one like the others, called index.
        """
        rows = read_rows(path, max_bytes)
        path = rows.path
        names, columns = _fitted(rows)
        if header is None:
            header = is_header(names, columns, path)
        if not header:
            lines = [rows.line, *rows.lines]
            columns = [cells.after(cell) for cell, cells in zip(names, columns, strict=True)]
            names = ["" if cells.are_blank else str(i) for i, cells in enumerate(columns, 1)]
            kept = _by_name(names, columns, path)
            return cls(path, kept, lines, rows.separator, has_header=False)
        if not rows.lines:
            raise DataError(f"{path} has a header and no rows")
        if keep_index and not (names[0] or columns[0].are_blank):
            names = ["index", *names[1:]]
        index = () if keep_index else _index(names, columns)
        kept = _by_name(names[len(index) :], columns[len(index) :], path, 1 + len(index))
        notes = tuple(
            f"{f'column {name!r} is an index' if name else 'the first column has no name'} and is "
            "left out (--keep-index keeps it)"
            for name in index
        )
        return cls(path, kept, rows.lines, rows.separator, True, index, notes)

    def require(self, wanted: Collection[str]) -> None:
        """Refuse names that no column has."""
        absent = next((name for name in wanted if name not in self.columns), None)
        if absent is None:
            return
        number = next(filter(is_number, self.columns), None) if self.has_header else None
        if number is not None:
            raise DataError(
                f"{self.path} has no header: its first row, which is to name the columns, holds "
                f"{number!r}"
            )
        names = list(self.columns)
        near = difflib.get_close_matches(absent, names, n=1, cutoff=0.5)
        shown = ", ".join(map(repr, names[:_MOST_NAMED])) + " …" * (len(names) > _MOST_NAMED)
        raise DataError(
            f"{self.path}: unknown column {absent!r}: choose one of {shown}."
            + (f" Did you mean {near[0]!r}?" if near else "")
        )

    def numbers_rows(self, name: str) -> bool:
        """Whether a column numbers the rows from 0 or 1, in any order, and not by chance."""
        cells = self.columns[name]
        rows = len(cells)
        seen = bytearray(rows + 1)
        for cell in cells:
            if not (cell.isascii() and cell.isdecimal() and len(cell) < 10):
                return False
            number = int(cell)
            if number > rows or seen[number]:
                return False
            seen[number] = 1
        return rows >= _FEW_ROWS and seen.index(0) in (0, rows)

    def parse(
        self, names: Collection[str], text: Collection[str], missing: Collection[str],
        decimal: str | None,
    ) -> list[Column]:  # fmt: skip
        """Parse columns, and refuse numbers misspelt, infinite, or that may be read in two ways.

        Parameters
        ----------
        names : collection of str
        text : collection of str
            Those that are text though they look like numbers.
        missing : collection of str
            What stands for a missing value, in any case.
        decimal : '.' or ',' or None
            What sets off decimals; None to find out.
        """
        spellings = {spelling.lower() for spelling in missing}
        text, commas = set(text), self.separator != ","
        columns = []
        for name in names:
            column = Column.of(name, self.columns[name], spellings, decimal, commas)
            if name in text:
                column = replace(column, numbers=None)
            elif column.numbers is None:
                check_text(column, self.lines, self.path)
            else:
                self._check_finite(column, column.numbers)
            columns.append(column)
        if decimal is None and commas:
            check_decimals(columns, self.lines, self.path)
        return columns

    def _check_finite(self, column: Column, numbers: NDArray[np.float64]) -> None:
        """Refuse infinity, and NaN that does not stand for a missing value."""
        infinite = np.flatnonzero(~np.isfinite(numbers) & ~column.absent)
        if len(infinite):
            row = int(infinite[0])
            raise DataError(
                f"{self.path}: row {self.lines[row]}, column {column.name!r} is "
                f"{column.cells[row][:40]}, not a finite number"
            )


def _fitted(rows: Rows) -> tuple[list[str], list[Cells]]:
    """The cells of the first row and the columns below them, as many of one as of the other."""
    first, columns = rows.first, rows.columns
    extra = len(columns) - len(first)
    if extra < 0 and not any(first[extra:]):  # delimiters at the end of the first row only,
        return first[:extra], columns
    if extra > 0 and all(cells.are_blank for cells in columns[-extra:]):  # or of the others only
        return first, columns[:-extra]
    if extra == 1 and rows.names_quoted and len(set(columns[0])) == len(columns[0]):  # R's names
        return ["", *first], columns
    if extra:
        raise DataError(
            f"{rows.path}: the first row has {len(first)} cells and those below it have "
            f"{len(columns)}: give each column a name, or take out the cells that are too many"
        )
    return first, columns


def _index(names: Sequence[str], columns: Sequence[Cells]) -> tuple[str, ...]:
    """Names of the first columns that hold names of rows, as pandas and R write them."""

    def is_index(named: tuple[str, Cells]) -> bool:
        name, cells = named
        return _UNNAMED.fullmatch(name) is not None if name else not cells.are_blank

    return tuple(name for name, _ in takewhile(is_index, zip(names, columns, strict=True)))


def _by_name(
    names: Sequence[str], columns: Sequence[Cells], path: Path, start: int = 1
) -> dict[str, Cells]:
    """The columns, counted from `start`, by name, but those that have neither name nor cells."""
    named: dict[str, Cells] = {}
    at: dict[str, int] = {}
    for i, (name, cells) in enumerate(zip(names, columns, strict=True), start):
        if not name and cells.are_blank:
            continue
        if not name:
            raise DataError(f"{path}: the header has no name for column {i}: give one")
        if len(name.splitlines()) > 1:
            raise DataError(
                f"{path}: the name of column {i}, {name[:40]!r}, holds a line break: write it on "
                "one line"
            )
        if name in named:
            raise DataError(f"{path}: columns {at[name]} and {i} are both named {name!r}")
        named[name], at[name] = cells, i
    return named
