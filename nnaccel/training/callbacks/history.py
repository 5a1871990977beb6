"""The history of a training."""

from __future__ import annotations

from typing import Any

from nnaccel._html import lines, table
from nnaccel.training.callbacks._base import Callback, Logs, Model
from nnaccel.training.callbacks._progress_text import short

__all__ = ["History"]

#: Rows of a notebook's table at most, and how many of them are the first epochs.
_MOST, _FIRST = 20, 3


class History(Callback):
    """Records the losses and metrics of every epoch; returned by `fit`.

    Attributes
    ----------
    epoch : list of int
        Epochs done, counted from 0.
    history : dict of str to list of float
        A value for each epoch, by name such as 'loss' and 'val_accuracy'.

    Examples
    --------
    >>> history = History()
    >>> history.on_epoch_end(0, {"loss": 0.5})
    >>> history.on_epoch_end(1, {"loss": 0.25})
    >>> history.epoch, history.history
    ([0, 1], {'loss': [0.5, 0.25]})
    >>> history
    History(2 epochs, loss 0.2500)
    """

    def __init__(self) -> None:
        self.epoch: list[int] = []
        self.history: dict[str, list[float]] = {}

    def set_model(self, model: Model) -> None:
        """Keep no model: it keeps this, and the two would wait for Python's garbage collector."""

    def on_train_begin(self, logs: Logs) -> None:
        """Reset the state."""
        self.epoch, self.history = [], {}

    def on_epoch_end(self, epoch: int, logs: Logs) -> None:
        """Append the epoch's numbers."""
        self.epoch.append(epoch)
        for name, value in logs.items():
            self.history.setdefault(name, []).append(float(value))

    def state(self) -> dict[str, Any]:
        """Return copies of both."""
        history = {name: list(values) for name, values in self.history.items()}
        return {"epoch": list(self.epoch), "history": history}

    def load_state(self, state: dict[str, Any]) -> None:
        """Restore both."""
        epochs, history = state["epoch"], state["history"]
        if not (_are_numbers(epochs) and all(map(_are_numbers, history.values()))):
            raise ValueError("a history must have lists of numbers")
        self.epoch = list(epochs)
        self.history = {name: list(values) for name, values in history.items()}

    def __repr__(self) -> str:
        count = len(self.epoch)
        last = [f"{name} {short(values[-1])}" for name, values in self.history.items()]
        parts = ", ".join([f"{count} epoch{'s' * (count != 1)}", *last])
        return f"History({parts})"

    def _repr_html_(self) -> str:
        """Show a row an epoch in a notebook, the first and the last ones if there are many."""
        columns = list(self.history.values())
        if any(
            len(column) != len(self.epoch) for column in columns
        ):  # a callback logged something now and then
            return lines([repr(self)])
        rows = [
            [str(e + 1), *map(short, values)]
            for e, *values in zip(self.epoch, *columns, strict=True)
        ]
        if len(rows) > _MOST:
            rows[_FIRST : _FIRST - _MOST] = [["…"] * (1 + len(columns))]
        return table(["epoch", *self.history], rows, "r" * (1 + len(columns)))


def _are_numbers(values: object) -> bool:
    return isinstance(values, list) and all(isinstance(value, int | float) for value in values)
