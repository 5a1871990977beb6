"""The CSV logger."""

from __future__ import annotations

import csv
import os
from pathlib import Path
from typing import Any

from nnaccel.training.callbacks._base import Callback, Logs

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

    def __init__(self, path: str | Path, append: bool = False) -> None:
        self.path = Path(path)
        self.append = append
        self._columns: list[str] = []

    def on_train_begin(self, logs: Logs) -> None:
        """Read the columns of a file to append to."""
        self._columns = self._header() if self.append else []

    def on_epoch_end(self, epoch: int, logs: Logs) -> None:
        """Write the epoch's row, and the header before the first one."""
        mode = "a" if self._columns and self.path.exists() else "w"
        self._columns = self._columns or ["epoch", *logs]
        values = {name: float(value) for name, value in logs.items()} | {"epoch": epoch}
        with open(self.path, mode, newline="", encoding="utf-8") as file:
            rows = csv.writer(file, lineterminator="\n")
            if mode == "w":
                rows.writerow(self._columns)
            rows.writerow([values.get(name, "NA") for name in self._columns])

    def state(self) -> dict[str, Any]:
        """Return the size of the file."""
        is_there = self._columns and self.path.exists()
        return {"size": self.path.stat().st_size if is_there else 0}

    def load_state(self, state: dict[str, Any]) -> None:
        """Truncate the file to that size: a resumed training repeats the later epochs."""
        self._columns = self._header() if state["size"] else []
        if self._columns and self.path.stat().st_size > state["size"]:
            os.truncate(self.path, state["size"])

    def _header(self) -> list[str]:
        """Columns of the file; empty if there is no file."""
        if not self.path.exists():
            return []
        with open(self.path, newline="", encoding="utf-8") as file:
            return next(csv.reader(file), [])
