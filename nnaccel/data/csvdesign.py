"""The matrix of a regression from a CSV file."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnaccel.data.csvcolumns import MISSING, Column
from nnaccel.data.csvtable import Table
from nnaccel.data.design import Design
from nnaccel.data.errors import MAX_BYTES, DataError
from nnaccel.data.levels import TextColumn, are_too_many, warn_of_alike
from nnaccel.data.misspelt import check_commas


def read_design(
    path: str | Path,
    target: str,
    *,
    drop: Collection[str] = (),
    text: Collection[str] = (),
    missing: Collection[str] = MISSING,
    max_bytes: int = MAX_BYTES,
) -> Design:
    r"""Read the variables of a regression from a CSV file.

    The first row names the columns, which are separated by commas, semicolons or tabs. A column
    whose cells are all numbers is taken as it is; if a few are not, it is refused, since they are
    likely misspelt. Between semicolons or tabs, numbers may have a comma before their decimals. Any
    other column, and each of `text`, is text: a column of 0 and 1 for each of its levels but the
    first in sorted order, as the treatment contrasts of R; with an intercept a column for the first
    would be the sum of the others. Left out are rows with a missing cell, and a first column
    without a name, where R writes the rows' names.

    Parameters
    ----------
    path : str or Path
        The file, in UTF-8.
    target : str
        Column to explain.
    drop : collection of str
        Columns to pass over, missing cells in them included.
    text : collection of str
        Columns to take as text though they look like numbers.
    missing : collection of str
        What stands for a missing value, in any case: blank, NA, N/A, N.A., #N/A, <NA>, NaN, null,
        None, ? by default.
    max_bytes : int
        Largest file accepted.

    Returns
    -------
    Design
        The matrix, its target, and how it came about.

    Raises
    ------
    DataNotFoundError
        There is no such file.
    DataError
        The file is damaged, too large or has no header, a column is not there, a number is
        misspelt or infinite, text has a level for nearly every row, or nothing is left; the message
        says where.

    Warns
    -----
    UserWarning
        Levels of text differ in case or blanks only, as NO and no; a column is taken as text
        although half of its cells or more are numbers; a comma that is taken to set off decimals
        may set off thousands.

    References
    ----------
    J. M. Chambers, T. J. Hastie, *Statistical Models in S*, 1992, section 2.3.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> from nnaccel.data import read_design
    >>> rows = ["rent,rooms,city", "900,3,Köln", "700,3,Bonn", "650,2,Köln", "NA,1,Bonn"]
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder, "rents.csv")
    ...     _ = path.write_text("\n".join(rows), "utf-8")
    ...     rents = read_design(path, "rent")
    >>> rents.feature_names, rents.dropped, rents.text[0].reference
    (('rooms', 'city[Köln]'), 1, 'Bonn')
    >>> rents.x.tolist(), rents.y.tolist()
    ([[3.0, 1.0], [3.0, 0.0], [2.0, 1.0]], [900.0, 700.0, 650.0])
    """
    table = Table.read(path, max_bytes)
    table.check([target, *drop, *text])
    if target in drop:
        raise DataError(f"{table.path}: column {target!r} is the target: it cannot be left out")
    spellings = {spelling.lower() for spelling in missing}
    columns = [
        table.column(name, spellings, name in text) for name in table.names if name not in drop
    ]
    check_commas(columns, table.path)
    complete = ~np.logical_or.reduce([column.absent for column in columns])
    lacking = {each.name: int(each.absent.sum()) for each in columns if each.absent.any()}
    if not complete.any():
        raise DataError(f"{table.path}: {_why_none(lacking, len(complete), target)}")
    rows = np.flatnonzero(complete)
    y = _values(next(column for column in columns if column.name == target), rows)
    if (y == y[0]).all():
        raise DataError(
            f"{table.path}: the target {target!r} is {y[0]} in every complete row: there is "
            "nothing to explain"
        )
    variables = [column for column in columns if column.name != target]
    x, names, encoded = _encode(variables, rows, table)
    if not names:
        raise DataError(f"{table.path} has no column that varies besides the target {target!r}")
    _check_names(variables, encoded, table)
    for each in encoded:
        warn_of_alike(f"{table.path}: column {each.name!r}", each.levels)
    if y.dtype == object:
        warn_of_alike(f"{table.path}: the target {target!r}", set(y.tolist()))
    varied = tuple(each for each in encoded if len(each.levels) > 1)
    constant = tuple(each for each in encoded if len(each.levels) == 1)
    dropped = len(complete) - len(rows)
    return Design(x, names, y, target, dropped, lacking, varied, constant, table.row_names)


def _encode(
    columns: Sequence[Column], rows: NDArray[np.intp], table: Table
) -> tuple[NDArray[np.float64], tuple[str, ...], tuple[TextColumn, ...]]:
    """Matrix of the columns, its names, and what became of text."""
    parts, names, text = [np.empty((len(rows), 0))], [], []
    for column in columns:
        values = _values(column, rows)
        if column.numbers is not None:
            parts.append(values[:, None])
            names.append(column.name)
        else:
            known = TextColumn(column.name, tuple(sorted(set(values.tolist()))))
            _check_levels(known, column, table, len(rows))
            parts.append(values[:, None] == np.array(known.levels[1:], object))
            names += [f"{known.name}[{level}]" for level in known.levels[1:]]
            text.append(known)
    return np.concatenate(parts, axis=1, dtype=np.float64), tuple(names), tuple(text)


def _values(column: Column, rows: NDArray[np.intp]) -> NDArray[Any]:
    """Numbers, or text as objects, of the rows that are complete."""
    if column.numbers is not None:
        return column.numbers[rows]
    return np.array(column.cells, object)[rows]


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


def _check_names(columns: Sequence[Column], encoded: Sequence[TextColumn], table: Table) -> None:
    """Refuse columns whose variables have one name, or that of the constant."""
    levels = {text.name: text.levels[1:] for text in encoded}
    known = {"(Intercept)": ""}
    for column in columns:
        name = column.name
        for made in [f"{name}[{level}]" for level in levels[name]] if name in levels else [name]:
            if made in known:
                other = f"column {known[made]!r}" if known[made] else "the constant"
                raise DataError(
                    f"{table.path}: column {name!r} and {other} both give a variable {made!r}: "
                    f"rename one, or leave one out with --drop {name!r}"
                )
            known[made] = name


def _why_none(lacking: Mapping[str, int], rows: int, target: str) -> str:
    """Say which column leaves no row complete, or leaves fewest."""
    worst = max(lacking, key=lacking.__getitem__)
    remedy = "give its values" if worst == target else f"leave it out with --drop {worst!r}"
    return (
        f"no row is complete; column {worst!r} alone lacks {lacking[worst]:,} of {rows:,} values: "
        f"{remedy}"
    )
