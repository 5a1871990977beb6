"""A logged number that ought to fall, or to rise."""

from __future__ import annotations

import math

from nnaccel._validate import unknown_name
from nnaccel.training.callbacks._base import Logs

MODES = ("auto", "min", "max")
FALLING = ("loss", "error", "crossentropy", "mse", "mae")
RISING = ("accuracy", "acc", "auc", "precision", "recall", "f1")


class Monitor:
    """Reads one number of the logs and judges whether it got better.

    Parameters
    ----------
    name : str
        Key of the logs.
    mode : {'auto', 'min', 'max'}
        Whether less or more is better; 'auto' goes by how the name ends.
    min_delta : float
        What a change must exceed to count.
    """

    def __init__(self, name: str, mode: str, min_delta: float = 0.0) -> None:
        if mode not in MODES:
            raise ValueError(unknown_name("mode", mode, MODES))
        if not 0 <= min_delta < math.inf:
            raise ValueError(f"min_delta={min_delta!r} must be at least 0 and finite")
        if mode == "auto":
            mode = _guess_mode(name)
        self.name = name
        self._sign = 1 if mode == "min" else -1
        self._min_delta = min_delta

    def read(self, logs: Logs) -> float:
        """Return the number; ValueError naming what there is if it is not logged."""
        if self.name in logs:
            return float(logs[self.name])
        hint = " Give fit validation_data for it." if self.name.startswith("val_") else ""
        raise ValueError(unknown_name("monitor", self.name, tuple(logs)) + hint)

    def improves(self, value: float, best: float | None) -> bool:
        """Whether `value` is better than `best`, None being worse than any number but NaN."""
        if best is None:
            return not math.isnan(value)
        return self._sign * value < self._sign * best - self._min_delta


def _guess_mode(name: str) -> str:
    """Return 'min' for losses and errors, 'max' for accuracies and their like."""
    if name.endswith(FALLING):
        return "min"
    if name.endswith(RISING):
        return "max"
    raise ValueError(f"say whether {name!r} should fall or rise: mode='min' or mode='max'")
