"""From a CSV file to the inputs and labels of a network."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from operator import itemgetter
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nnaccel.data.csvcolumns import MISSING, Column
from nnaccel.data.csvencoding import check_names, complete_rows, encode, values_of
from nnaccel.data.csvheader import LABEL_NAMES
from nnaccel.data.csvtable import Table
from nnaccel.data.errors import DataError
from nnaccel.data.labels import Labels, labels_of
from nnaccel.data.levels import warn_of_alike
from nnaccel.data.schema import Schema

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class LabelledTable:
    """The complete rows of a file: inputs, labels, which columns they are, and what was guessed."""

    x: Floats
    labels: Labels
    schema: Schema
    notes: tuple[str, ...]


def read_labelled(
    path: str | Path,
    *,
    label: str | None,
    task: str | None,
    classes: Sequence[str] | None,
    header: bool | None,
    decimal: str | None,
    drop: Collection[str],
    text: Collection[str],
    keep_index: bool,
    max_bytes: int,
) -> LabelledTable:
    """Read a table, choosing its label and inputs; `load` says what the arguments mean."""
    table = Table.read(path, max_bytes, header=header, keep_index=keep_index)
    notes = list(table.notes)
    if header is None and not table.has_header:
        notes.append("the first row is one of data, and columns are called 1, 2, … (--header)")
    table.require([*([] if label is None else [label]), *drop, *text])
    chosen = _chosen(table, label, drop)
    numbering = () if keep_index else _numbering(chosen.inputs, table)
    inputs = [name for name in chosen.inputs if name not in numbering]
    *columns, target = table.parse([*inputs, chosen.label], text, MISSING, decimal)
    rows, lacking = complete_rows([*columns, target], table, [chosen.label])
    x, _, encoded = encode(columns, rows, table)
    check_names(columns, encoded, table)
    check_float32(x, columns, rows, table)
    levels = dict.fromkeys(inputs, ()) | {each.name: each.levels for each in encoded}
    schema = Schema(
        chosen.label,
        {name: found for name, found in levels.items() if len(found) != 1},
        table.has_header,
        decimal,
    )
    if not schema.columns:
        raise DataError(
            f"{table.path} has no column that varies besides the label {chosen.label!r}"
        )
    name, values = f"the label {chosen.label!r}", values_of(target, rows)
    if target.numbers is None:
        warn_of_alike(f"{table.path}: {name}", set(values.tolist()))
    labels = labels_of(values, table.path, name, task=task, classes=classes)
    notes += [f"column {name!r} numbers the rows and is left out (--keep-index keeps it)"
              for name in numbering]  # fmt: skip
    notes += [f"column {name!r} is {found[0]!r} in every row and is left out"
              for name, found in levels.items() if len(found) == 1]  # fmt: skip
    notes += [f"the label is {chosen.label!r}, {chosen.why}: {labels.why} "
              "(--label and --task say otherwise)"]  # fmt: skip
    return LabelledTable(x, labels, schema, (*notes, *missing_notes(table, rows, lacking)))


@dataclass(frozen=True)
class _Chosen:
    """The label, why it is that one, and the other columns."""

    label: str
    why: str
    inputs: list[str]


def _chosen(table: Table, label: str | None, drop: Collection[str]) -> _Chosen:
    """Choose the label, by its name or place unless it was asked for."""
    dropped = set(drop)
    names = [name for name in table.columns if name not in dropped]
    if label in dropped:
        raise DataError(f"{table.path}: column {label!r} is the label: it cannot be left out")
    if len(names) < 2:
        raise DataError(f"{table.path} has one column; features and a label were expected")
    why = "asked for"
    if label is None:
        lowered = {name.lower(): name for name in reversed(names)}
        known = next((lowered[name] for name in LABEL_NAMES if name in lowered), None)
        label, why = (names[-1], "the last column") if known is None else (known, "by its name")
    return _Chosen(label, why, [name for name in names if name != label])


def _numbering(names: Sequence[str], table: Table) -> dict[str, None]:
    """Columns that number the rows, unless there are no others."""
    numbering = dict.fromkeys(name for name in names if table.numbers_rows(name))
    return numbering if len(numbering) < len(names) else {}


def check_float32(
    x: Floats, columns: Sequence[Column], rows: NDArray[np.intp], table: Table
) -> None:
    """Refuse numbers beyond float32."""
    if not x.size or max(x.max(), -x.min()) <= np.finfo(np.float32).max:
        return
    for column in columns:
        if column.numbers is not None:
            over = np.flatnonzero(np.abs(column.numbers[rows]) > np.finfo(np.float32).max)
            if len(over):
                row = int(rows[over[0]])
                raise DataError(
                    f"{table.path}: row {table.lines[row]}, column {column.name!r} is "
                    f"{column.cells[row][:40]}, not a finite float32"
                )


def missing_notes(table: Table, rows: NDArray[np.intp], lacking: dict[str, int]) -> list[str]:
    """Say how many rows were left out for want of a value."""
    count = len(table.lines) - len(rows)
    if not count:
        return []
    worst, cells = max(lacking.items(), key=itemgetter(1))
    rows_are = "1 row is" if count == 1 else f"{count:,} rows are"
    return [f"{rows_are} left out, which lack a value; {worst!r} lacks most, {cells:,}"]
