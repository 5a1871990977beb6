"""Tables for a network that was trained on another one: columns by name, levels as there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nnaccel.data.csvcolumns import MISSING, Column
from nnaccel.data.csvdata import Floats, LabelledTable, check_float32, missing_notes
from nnaccel.data.csvencoding import complete_rows, encode, values_of
from nnaccel.data.csvtable import Table
from nnaccel.data.errors import MAX_BYTES, DataError
from nnaccel.data.labels import labels_of
from nnaccel.data.schema import Schema


@dataclass(frozen=True, eq=False)
class InputRows:
    """The complete rows of a file as inputs, where in the file they are, and the other rows."""

    x: Floats
    lines: tuple[int, ...]
    incomplete: tuple[int, ...]


def read_known(
    path: str | Path,
    schema: Schema,
    *,
    task: str | None,
    classes: Sequence[str] | None,
    header: bool | None,
    decimal: str | None,
    max_bytes: int,
) -> LabelledTable:
    """Read from a table the columns, by name, that a network was trained on."""
    known = {*schema.columns, schema.label}
    table, columns = _known_columns(path, schema, [schema.label], header, decimal, max_bytes)
    *inputs, target = columns
    rows, lacking = complete_rows(columns, table, known)
    x = _known_inputs(inputs, rows, table, schema)
    labels = labels_of(
        values_of(target, rows),
        table.path,
        f"the label {schema.label!r}",
        task=task,
        classes=classes,
        positions=False,
    )
    unused = [name for name in table.columns if name not in known]
    notes = []
    if unused:
        shown = ", ".join(map(repr, unused[:3])) + ", …" * (len(unused) > 3)
        notes.append(f"passed over is what the model was not trained on: {shown}")
    return LabelledTable(x, labels, schema, (*notes, *missing_notes(table, rows, lacking)))


def read_inputs(
    path: str | Path,
    schema: Schema,
    *,
    header: bool | None = None,
    decimal: str | None = None,
    max_bytes: int = MAX_BYTES,
) -> InputRows:
    r"""Read the inputs of a network from a table, which need not have the label.

    Parameters
    ----------
    path : str or Path
        A CSV file with the columns of `schema`, in any order, perhaps among others.
    schema : Schema
        Of the table that the network was trained on.
    header, decimal : bool, str
        As for `load`; by default as they were in training.
    max_bytes : int
        Largest file accepted.

    Returns
    -------
    InputRows
        `x` not scaled, of shape (rows, features); `lines` of the file the rows stand in, and
        `incomplete`, those of rows that lack a value.

    Raises
    ------
    DataError
        The file is damaged, lacks a column, or holds what training did not see.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> from nnaccel.data import Schema, read_inputs
    >>> schema = Schema("rent", {"rooms": (), "city": ("Bonn", "Köln")})
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder, "new.csv")
    ...     _ = path.write_text("city,rooms\nKöln,3\nBonn,\n", "utf-8")
    ...     new = read_inputs(path, schema)
    >>> new.x.tolist(), new.lines, new.incomplete
    ([[3.0, 1.0]], (2,), (3,))
    """
    table, columns = _known_columns(path, schema, [], header, decimal, max_bytes)
    rows, _ = complete_rows(columns, table, schema.columns)
    x = _known_inputs(columns, rows, table, schema)
    lines = np.array(table.lines)
    incomplete = np.delete(lines, rows)
    return InputRows(x, tuple(lines[rows].tolist()), tuple(incomplete.tolist()))


def _known_columns(
    path: str | Path,
    schema: Schema,
    more: Sequence[str],
    header: bool | None,
    decimal: str | None,
    max_bytes: int,
) -> tuple[Table, list[Column]]:
    """Parse the columns that a network was trained on, in its order, and `more`."""
    header = schema.header if header is None else header
    table = Table.read(path, max_bytes, header=header, keep_index=True)
    wanted = [*schema.columns, *more]
    lacking = [name for name in wanted if name not in table.columns]
    if lacking:
        others = f" and {len(lacking) - 1:,} more" if len(lacking) > 1 else ""
        raise DataError(
            f"{table.path} lacks the column {lacking[0]!r}{others}, which the model was trained "
            f"on; it has {', '.join(map(repr, [*table.columns][:10]))}"
        )
    known = schema.text
    decimal = schema.decimal if decimal is None else decimal
    columns = table.parse(wanted, known, MISSING, decimal)
    for column in columns[: len(schema.columns)]:
        row = column.first_text() if column.numbers is None and column.name not in known else None
        if row is not None:
            raise DataError(
                f"{table.path}: row {table.lines[row]}, column {column.name!r} holds "
                f"{column.cells[row][:40]!r}; the model was trained on numbers there"
            )
    return table, columns


def _known_inputs(
    columns: Sequence[Column], rows: NDArray[np.intp], table: Table, schema: Schema
) -> Floats:
    """Matrix of the columns, with the levels that a network was trained on."""
    x, _, _ = encode(columns, rows, table, schema.text)
    check_float32(x, columns, rows, table)
    return x
