"""A table of the training on disk."""

from __future__ import annotations

import csv
import os
from pathlib import Path
from typing import Any

from nnaccel.training.callbacks._base import Callback, Logs

__all__ = ["CSVLogger"]


class CSVLogger(Callback):
    """Writes a row for each epoch to a CSV file, which is complete up to the last epoch.

    Parameters
    ----------
    path : str or Path
        The file. Its columns are 'epoch', counted from 0, and what the first epoch logs; later
        epochs leave out what is missing ('NA') and what is new.
    append : bool, default False
        Go on in a file that is there, with its columns, instead of beginning a new one.

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
        """Find the columns of a file to append to."""
        self._columns = self._header() if self.append else []

    def on_epoch_end(self, epoch: int, logs: Logs) -> None:
        """Write this epoch's row, and before the first one the header."""
        if self._columns:
            mode = "a"
        else:
            mode = "w"
            self._columns = ["epoch", *logs]
        values = {name: float(value) for name, value in logs.items()} | {"epoch": epoch}
        with open(self.path, mode, newline="", encoding="utf-8") as file:
            rows = csv.writer(file, lineterminator="\n")
            if mode == "w":
                rows.writerow(self._columns)
            rows.writerow([values.get(name, "NA") for name in self._columns])

    def state(self) -> dict[str, Any]:
        """Return how long the file is: what comes later is of epochs that will be repeated."""
        return {"size": self.path.stat().st_size if self._columns else 0}

    def load_state(self, state: dict[str, Any]) -> None:
        """Go on in the file as it was."""
        self._columns = self._header() if state["size"] else []
        if self._columns and self.path.stat().st_size > state["size"]:
            os.truncate(self.path, state["size"])

    def _header(self) -> list[str]:
        """Columns of the file that is there, none if there is none."""
        if not self.path.exists():
            return []
        with open(self.path, newline="", encoding="utf-8") as file:
            return next(csv.reader(file), [])
