"""The CSV logger."""

from __future__ import annotations

import csv
import os
from pathlib import Path
from typing import Any

from nnaccel._validate import warn_caller
from nnaccel.training.callbacks._base import Callback, Logs
from nnaccel.training.checkpoint import read_count

__all__ = ["CSVLogger"]


class CSVLogger(Callback):
    """Appends a row to a CSV file after each epoch.

    Parameters
    ----------
    path : str or Path
        The file. Its columns are 'epoch', counted from 0, and the names logged in the first epoch.
        In later epochs missing values are 'NA', and new names are left out.
    append : bool, default False
        Whether to append to an existing file, with its columns, instead of overwriting it.

    Notes
    -----
    A training that is resumed goes on with its file, whether `append` or not: rows that a killed
    one wrote after its checkpoint are cut, so that each epoch has one row. Any other training
    begins anew, or with `append` adds its rows to what is there, and warns if epochs repeat. A
    row that was left half-written is cut.

    Warns
    -----
    UserWarning
        If the rows appended repeat epochs that the file has.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "log.csv"
    >>> log = CSVLogger(path)
    >>> log.on_train_begin({})
    >>> log.on_epoch_end(0, {"loss": 0.5, "accuracy": 0.75})
    >>> print(path.read_text(), end="")
    epoch,loss,accuracy
    0,0.5,0.75
    """

    first_rank_only = True

    def __init__(self, path: str | Path, append: bool = False) -> None:
        self.path = Path(path)
        self.append = append
        self._columns: list[str] = []
        self._is_resumed = self._has_begun = self._is_warned = False

    def on_train_begin(self, logs: Logs) -> None:
        """Read the columns of a file to append to."""
        self._is_resumed = self._has_begun = self._is_warned = False
        self._columns = self._header() if self.append else []

    def on_epoch_begin(self, epoch: int, logs: Logs) -> None:
        """Cut rows of a killed training, before the first epoch."""
        if self._columns and not self._has_begun and self.path.exists():
            self._go_on(epoch, self._is_resumed or self.params.get("resume", False))
        self._has_begun = True

    def on_epoch_end(self, epoch: int, logs: Logs) -> None:
        """Write the epoch's row, and the header before the first one."""
        mode = "a" if self._columns and self.path.exists() else "w"
        self._warn_of_unlogged(logs)
        self._columns = self._columns or ["epoch", *logs]
        values = {name: float(value) for name, value in logs.items()} | {"epoch": epoch}
        with open(self.path, mode, newline="", encoding="utf-8") as file:
            rows = csv.writer(file, lineterminator="\n")
            if mode == "w":
                rows.writerow(self._columns)
            rows.writerow([values.get(name, "NA") for name in self._columns])

    def _warn_of_unlogged(self, logs: Logs) -> None:
        """Warn, once, of what the file has no column for."""
        unlogged = [name for name in logs if name not in self._columns]
        if self._columns and unlogged and not self._is_warned:
            self._is_warned = True
            warn_caller(
                f"{self.path} has no column for {', '.join(unlogged)}, which are not logged. "
                "To fix: log to another file"
            )

    def state(self) -> dict[str, Any]:
        """Return how many columns the file has; 0 before the first row."""
        return {"columns": len(self._columns)}

    def load_state(self, state: dict[str, Any]) -> None:
        """Go on with the file, if it was begun."""
        self._is_resumed = True
        self._columns = self._header() if read_count(state, "columns") else []

    def _go_on(self, epoch: int, is_resumed: bool) -> None:
        """Cut what was left half-written and, if resumed, the last rows from `epoch` on."""
        with open(self.path, "rb") as file:
            lines = [line for line in file if line.endswith(b"\n")]
        epochs = [_epoch(line) for line in lines]
        if is_resumed:
            last = epochs[-1]
            while len(lines) > 1 and last is not None and last >= epoch and epochs[-1] == last:
                last -= 1
                del lines[-1], epochs[-1]
        elif any(logged is not None and logged >= epoch for logged in epochs[-1:]):
            warn_caller(
                f"{self.path} ends with epoch {epochs[-1]}, and this training begins with epoch "
                f"{epoch}: epochs repeat in it. To fix: give append=False or initial_epoch="
                f"{(epochs[-1] or 0) + 1}, or resume a checkpoint"
            )
        os.truncate(self.path, sum(map(len, lines)))

    def _header(self) -> list[str]:
        """Columns of the file; empty if there is no file."""
        if not self.path.exists():
            return []
        with open(self.path, newline="", encoding="utf-8") as file:
            line = file.readline()
        return next(csv.reader([line])) if line.endswith("\n") else []


def _epoch(line: bytes) -> int | None:
    """The epoch of a row; None for the header, or a row that is none of ours."""
    text = line.partition(b",")[0].strip()
    return int(text) if text.isdigit() else None
