"""What goes wrong with data, and the size beyond which a file is not trusted."""

from __future__ import annotations

from pathlib import Path

#: Default bound, in bytes, on what one file may announce or hold: 1 GiB.
MAX_BYTES = 1 << 30


class DataError(ValueError):
    """A data file that cannot be used; the message names the file and what is wrong with it."""


class DataNotFoundError(DataError, FileNotFoundError):
    """No data where it was looked for; the message names every place and what to do."""


def existing_file(path: str | Path) -> Path:
    """Return `path`, with ~ expanded; a DataError unless it is a regular file."""
    path = Path(path).expanduser()
    if path.is_file():
        return path
    if path.exists():
        raise DataError(f"{path} is not a regular file: give the path of one")
    raise DataNotFoundError(f"no such file: {path}")
