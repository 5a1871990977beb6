"""The rows of a CSV file, decoded in one place, and turned into columns."""

from __future__ import annotations

import csv
import re
from array import array
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from typing import Any, TextIO

from nnaccel.data.csvcells import Cells, join
from nnaccel.data.csvnumbers import is_marked
from nnaccel.data.errors import MAX_BYTES, DataError, existing_file

_QUOTED = re.compile(r'"[^"]*"')

#: Characters that no table has, but for the ends of lines and tabs.
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")

_SEPARATORS = ",;\t"

#: The line with which Excel says what separates cells.
_EXCEL = re.compile(r'"?sep=([^\w"])"?\s*', re.IGNORECASE)

#: Characters by which the separator is chosen, rows by which the width is, cells in a block.
_SAMPLE, _FIRST_ROWS, _BLOCK = 1 << 16, 100, 1 << 18

#: More blank rows than this in a row are no table.
_MAX_BLANK = 100_000

#: The number of a row's last line in the file, and its cells.
Row = tuple[int, list[str]]


@dataclass(frozen=True)
class Rows:
    """A file's rows: the first one as it is, the others as columns.

    Attributes
    ----------
    path : Path
    separator : str
        What stands between cells.
    first : list of str
        Cells of the first row, which may be more or fewer than there are columns.
    line : int
        Where in the file it is.
    lines : sequence of int
        Where the others are.
    columns : list of Cells
    names_quoted : bool
        Whether the first two rows begin with quotes, as where R writes names of rows.
    """

    path: Path
    separator: str
    first: list[str]
    line: int
    lines: Sequence[int]
    columns: list[Cells]
    names_quoted: bool


def read_rows(path: str | Path, max_bytes: int = MAX_BYTES) -> Rows:
    """Read a file whose cells are separated by commas, semicolons or tabs.

    Blank rows are passed over, and so is Excel's line ``sep=;``. What is wrong with the file is a
    DataError that names it.
    """
    path = existing_file(path)
    size = path.stat().st_size
    if size > max_bytes:
        raise DataError(f"{path} has {size:,} bytes: more than the bound {max_bytes:,}")
    try:
        with open(path, newline="", encoding="utf-8-sig") as file:
            return _read(file, path)
    except UnicodeDecodeError:
        raise DataError(
            f"{path} is not UTF-8 text: a CSV file was expected; if it is one in another encoding, "
            "as Latin-1 or UTF-16, save it as UTF-8"
        ) from None
    except csv.Error as error:
        raise DataError(f"{path} is not a well-formed CSV file: {error}") from None


def _read(file: TextIO, path: Path) -> Rows:
    """Read an open file."""
    sample = file.readlines(_SAMPLE)
    file.seek(0)
    said = _EXCEL.fullmatch(sample[0]) if sample else None
    if said is not None:
        file.readline()
        sample = sample[1:]
    separator = _separator(sample, path) if said is None else said[1]
    lines = _plain_lines(file, path, 1 if said is None else 2)
    reader = csv.reader(lines, delimiter=separator, skipinitialspace=True, strict=True)
    line, first, width, rest = _even_rows(reader, path, skipped=said is not None)
    numbers, blocks = array("q"), []
    while block := list(islice(rest, max(1, _BLOCK // width))):
        numbers.extend(number for number, _ in block)
        cells = zip(*(row for _, row in block), strict=True)
        blocks.append([join(column) for column in cells])
    joined = zip(*blocks, strict=True) if blocks else [()] * width
    columns = [Cells(texts, len(numbers)) for texts in joined]
    quoted = len(sample) > 1 and all(text.startswith('"') for text in sample[:2])
    return Rows(path, separator, [cell.strip() for cell in first], line, numbers, columns, quoted)


def _separator(sample: Sequence[str], path: Path) -> str:
    """What separates cells: as often in each line, if anything is, and most often in the first."""
    lines = _QUOTED.sub('""', "".join(sample)).splitlines()
    lines = [line for line in lines if line.strip()] or [""]
    if not any(mark in lines[0] for mark in _SEPARATORS) and " " in lines[0].strip():
        raise DataError(
            f"{path}: blanks separate cells in its first line, {sample[0].strip()[:40]!r}: "
            "separate them by commas, semicolons or tabs, and put a name with blanks between quotes"
        )
    counts = {mark: [_count(mark, line) for line in lines] for mark in _SEPARATORS}
    even = {mark for mark, found in counts.items() if 0 < min(found) == max(found)}
    return max(counts, key=lambda mark: (mark in even, counts[mark][0]))


def _count(mark: str, line: str) -> int:
    """How often a separator stands in a line; no comma in a number between others is one."""
    if mark != ",":
        return line.count(mark)
    cells = re.split(r"[;\t]", line)
    if len(cells) == 1:
        return line.count(mark)
    return sum(cell.count(mark) for cell in cells if not is_marked(cell.strip()))


def _plain_lines(lines: Iterable[str], path: Path, first: int) -> Iterator[str]:
    """Yield the lines while they have no control characters, which garble what is printed."""
    for number, line in enumerate(lines, first):
        found = _CONTROL.search(line)
        if found is not None:
            raise DataError(
                f"{path}: line {number} holds the control character {found[0]!r}: take it out, or "
                "save the table as UTF-8 text anew"
            )
        yield line


def _even_rows(reader: Any, path: Path, skipped: int) -> tuple[int, list[str], int, Iterator[Row]]:
    """Split off the first row; the others are of the width that most of the first rows have."""
    rows = _filled_rows(reader, path, skipped)
    sample = list(islice(rows, _FIRST_ROWS))
    if not sample:
        raise DataError(f"{path} is empty")
    line, first = sample[0]
    width, _ = Counter(len(row) for _, row in sample).most_common(1)[0]
    return line, first, width, _of_width(width, chain(sample[1:], rows), path)


def _filled_rows(reader: Any, path: Path, skipped: int) -> Iterator[Row]:
    """Yield the rows that are not blank, unless those that are go on for too long."""
    blank = 0
    for row in reader:
        if any(row):
            blank = 0
            yield reader.line_num + skipped, row
        elif (blank := blank + 1) > _MAX_BLANK:
            raise DataError(
                f"{path}: more than {_MAX_BLANK:,} blank rows up to row {reader.line_num}: take "
                "them out"
            )


def _of_width(width: int, rows: Iterable[Row], path: Path) -> Iterator[Row]:
    """Yield the rows while they have so many cells."""
    for line, row in rows:
        if len(row) != width:
            raise DataError(
                f"{path}: row {line} has {len(row)} cells where most rows have {width}: a cell too "
                "many or too few, or text that holds a separator and is not between quotes"
            )
        yield line, row
