"""From the columns of a table to a matrix: numbers as they are, text as indicators."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping, Sequence
from operator import itemgetter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnaccel.data.csvcolumns import Column
from nnaccel.data.csvtable import Table
from nnaccel.data.errors import DataError
from nnaccel.data.levels import TextColumn, are_too_many, warn_of_alike


def complete_rows(
    columns: Sequence[Column], table: Table, required: Container[str]
) -> tuple[NDArray[np.intp], dict[str, int]]:
    """Rows in which nothing is missing, and how many cells are missing in each column.

    Columns that are not `required` may be left out, where no row is complete.
    """
    absent = np.zeros(len(table.lines), bool)
    for column in columns:
        absent |= column.absent
    lacking = {each.name: int(each.absent.sum()) for each in columns if each.absent.any()}
    if absent.all():
        worst, cells = max(lacking.items(), key=itemgetter(1))
        remedy = "give its values" if worst in required else f"leave it out with --drop {worst!r}"
        raise DataError(
            f"{table.path}: no row is complete; column {worst!r} alone lacks {cells:,} of "
            f"{len(absent):,} values: {remedy}"
        )
    return np.flatnonzero(~absent), lacking


def values_of(column: Column, rows: NDArray[np.intp]) -> NDArray[Any]:
    """Numbers, or text as objects, of the rows that are complete."""
    if column.numbers is not None:
        return column.numbers[rows]
    return np.array(list(column.cells), object)[rows]


def encode(
    columns: Iterable[Column],
    rows: NDArray[np.intp],
    table: Table,
    known: Mapping[str, Sequence[str]] | None = None,
) -> tuple[NDArray[np.float64], tuple[str, ...], tuple[TextColumn, ...]]:
    """Matrix of the columns, its names, and the columns that are text.

    Parameters
    ----------
    columns : iterable of Column
    rows : ndarray of int
        Those that are complete.
    table : Table
        For messages.
    known : dict of str to sequence of str, optional
        Levels of each column of text. By default those that are found, if there are not too many.
    """
    parts: list[NDArray[np.float64]] = []
    names: list[str] = []
    text: list[TextColumn] = []
    for column in columns:
        values = values_of(column, rows)
        if column.numbers is not None:
            parts.append(values[:, None])
            names.append(column.name)
        else:
            levels = TextColumn(column.name, tuple(known[column.name] if known is not None
                                                   else sorted(set(values.tolist()))))  # fmt: skip
            if known is None:
                _check_levels(levels, column, table, len(rows))
            codes = _codes(values.tolist(), levels, rows, table)
            parts.append((codes[:, None] == np.arange(1, len(levels.levels))).astype(np.float64))
            names += levels.variables
            text.append(levels)
    empty = np.empty((len(rows), 0))
    return np.concatenate([empty, *parts], axis=1), tuple(names), tuple(text)


def _codes(
    values: Sequence[str], text: TextColumn, rows: NDArray[np.intp], table: Table
) -> NDArray[np.int64]:
    """Positions of the values among the levels."""
    index = {level: code for code, level in enumerate(text.levels)}
    for row, value in zip(rows.tolist(), values, strict=True):
        if value not in index:
            shown = ", ".join(text.levels[:10]) + " …" * (len(text.levels) > 10)
            raise DataError(
                f"{table.path}: row {table.lines[row]}, column {text.name!r} holds {value[:40]!r}, "
                f"which the model was not trained on; it knows {shown}"
            )
    return np.fromiter((index[value] for value in values), np.int64, len(values))


def _check_levels(text: TextColumn, column: Column, table: Table, rows: int) -> None:
    """Refuse an identifier, free text, dates, and numbers one of which is misspelt."""
    if are_too_many(len(text.levels), rows):
        at = column.first_text()
        found, mend = "", "take its numbers as such"
        if at is not None:
            found = f" (row {table.lines[at]} holds {column.cells[at][:40]!r})"
            mend = "mend its numbers"
        raise DataError(
            f"{table.path}: column {text.name!r} is text{found} with {len(text.levels):,} levels "
            f"in {rows:,} rows, too many to compare by: leave it out with --drop {text.name!r}, or "
            f"{mend}"
        )
    warn_of_alike(f"{table.path}: column {text.name!r}", text.levels)


def check_names(columns: Sequence[Column], encoded: Sequence[TextColumn], table: Table) -> None:
    """Refuse columns of which two variables have the same name, or one that of the constant."""
    made_of = {text.name: text.variables for text in encoded}
    known = {"(Intercept)": ""}
    for column in columns:
        name = column.name
        for made in made_of.get(name, (name,)):
            if made in known:
                other = f"column {known[made]!r}" if known[made] else "the constant"
                raise DataError(
                    f"{table.path}: column {name!r} and {other} both give a variable {made!r}: "
                    f"rename one, or leave one out with --drop {name!r}"
                )
            known[made] = name
