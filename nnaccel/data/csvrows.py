"""The rows of a CSV file, opened and decoded in one place."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from typing import Any

from nnaccel.data.errors import MAX_BYTES, DataError, existing_file

_QUOTED = re.compile(r'"[^"]*"')

#: Characters that no table has, but for the ends of lines and tabs.
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")

_SEPARATORS = ",;\t"

#: The number of a row's last line in the file, and its cells.
Row = tuple[int, list[str]]


@contextmanager
def open_rows(
    path: str | Path, max_bytes: int = MAX_BYTES, row_names: bool = False
) -> Iterator[tuple[str, Iterator[Row]]]:
    """Open `path` for as long as its rows are read: what separates cells, and the rows.

    Cells are separated by commas, semicolons or tabs, whichever the first line has most of outside
    quotes. Blank lines are passed over. With `row_names` the first row may be a cell shorter than
    all others, as R writes it, and begins with an empty cell then. What is wrong with the file is a
    DataError that names it, whenever it shows.
    """
    path = existing_file(path)
    size = path.stat().st_size
    if size > max_bytes:
        raise DataError(f"{path} has {size:,} bytes: more than the bound {max_bytes:,}")
    try:
        with open(path, newline="", encoding="utf-8-sig") as file:
            delimiter = _separator(file.readline(1 << 16), path)
            file.seek(0)
            lines = _plain_lines(file, path)
            reader = csv.reader(lines, delimiter=delimiter, skipinitialspace=True, strict=True)
            yield delimiter, _even_rows(reader, path, row_names)
    except UnicodeDecodeError:
        raise DataError(
            f"{path} is not UTF-8 text: a CSV file was expected; if it is one in another encoding, "
            "as Latin-1 or UTF-16, save it as UTF-8"
        ) from None
    except csv.Error as error:
        raise DataError(f"{path} is not a well-formed CSV file: {error}") from None


def _separator(line: str, path: Path) -> str:
    """What separates the cells of the first line."""
    outside = _QUOTED.sub('""', line)
    if not any(mark in outside for mark in _SEPARATORS) and " " in outside.strip():
        raise DataError(
            f"{path}: blanks separate cells in its first line, {line.strip()[:40]!r}: separate "
            "them by commas, semicolons or tabs, and put a name with blanks between quotes"
        )
    return max(_SEPARATORS, key=outside.count)


def _plain_lines(lines: Iterable[str], path: Path) -> Iterator[str]:
    """Yield the lines while they have no control characters, which garble what is printed."""
    for number, line in enumerate(lines, 1):
        found = _CONTROL.search(line)
        if found is not None:
            raise DataError(
                f"{path}: line {number} holds the control character {found[0]!r}: take it out, or "
                "save the table as UTF-8 text anew"
            )
        yield line


def _even_rows(reader: Any, path: Path, row_names: bool) -> Iterator[Row]:
    """Yield the rows, at least one, while all are equally long, but perhaps for the first."""
    rows = ((reader.line_num, row) for row in reader if row)
    line, first = next(rows, (0, []))
    if not first:
        raise DataError(f"{path} is empty")
    width, model = len(first), "the first row"
    second = next(rows, None)
    if row_names and second is not None and len(second[1]) == width + 1:
        first, width, model = ["", *first], width + 1, f"row {second[0]}"
    yield line, first
    for line, row in rows if second is None else chain([second], rows):
        if len(row) != width:
            raise DataError(f"{path}: row {line} has {len(row)} cells; {model} has {width}")
        yield line, row
