"""The rows of a CSV file, opened and decoded in one place."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from nnaccel.data.errors import MAX_BYTES, DataError, existing_file

_QUOTED = re.compile(r'"[^"]*"')

#: The number of a row's last line in the file, and its cells.
Row = tuple[int, list[str]]


@contextmanager
def open_rows(path: str | Path, max_bytes: int = MAX_BYTES) -> Iterator[tuple[str, Iterator[Row]]]:
    """Open `path` for as long as its rows are read: what separates cells, and the rows.

    Cells are separated by commas, semicolons or tabs, whichever the first line has most of outside
    quotes. Blank lines are passed over. What is wrong with the file is a DataError that names it,
    whenever it shows.
    """
    path = existing_file(path)
    size = path.stat().st_size
    if size > max_bytes:
        raise DataError(f"{path} has {size:,} bytes: more than the bound {max_bytes:,}")
    try:
        with open(path, newline="", encoding="utf-8-sig") as file:
            first = _QUOTED.sub("", file.readline(1 << 16))
            file.seek(0)
            delimiter = max(",;\t", key=first.count)
            reader = csv.reader(file, delimiter=delimiter, skipinitialspace=True, strict=True)
            yield delimiter, _even_rows(reader, path)
    except UnicodeDecodeError:
        raise DataError(f"{path} is not UTF-8 text: a CSV file was expected") from None
    except csv.Error as error:
        raise DataError(f"{path} is not a well-formed CSV file: {error}") from None


def _even_rows(reader: Any, path: Path) -> Iterator[Row]:
    """Yield the rows, at least one, while all have as many cells as the first."""
    width = 0
    for row in reader:
        if row:
            width = width or len(row)
            if len(row) != width:
                place = f"{path}: row {reader.line_num}"
                raise DataError(f"{place} has {len(row)} cells; the first row has {width}")
            yield reader.line_num, row
    if not width:
        raise DataError(f"{path} is empty")
