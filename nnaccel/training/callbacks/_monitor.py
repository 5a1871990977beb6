"""The monitor of a logged number."""

from __future__ import annotations

import difflib
import math

from nnaccel._foreign import string_here
from nnaccel._validate import unknown_name
from nnaccel.training.callbacks._base import Logs
from nnaccel.training.metrics import METRICS

MODES = ("auto", "min", "max")
FALLING = ("loss", "error", "crossentropy", "mse", "mae")
RISING = ("accuracy", "acc", "auc", "precision", "recall", "f1")


class Monitor:
    """Reads a number from the logs, and compares it with the best one.

    Parameters
    ----------
    name : str
        Key of the logs.
    mode : {'auto', 'min', 'max'}
        Whether lower or higher is better; 'auto' follows the end of the name.
    min_delta : float
        Smallest change that counts as an improvement.
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
        """Return the number; ValueError, with the names in the logs, if it is not logged."""
        if self.name in logs:
            return float(logs[self.name])
        raise ValueError(_absent(self.name, logs))

    def improves(self, value: float, best: float | None) -> bool:
        """Whether `value` is better than `best`; any number but NaN is better than None."""
        if best is None:
            return not math.isnan(value)
        return self._sign * value < self._sign * best - self._min_delta


def _absent(name: str, logs: Logs) -> str:
    """Return the error text for a number that is not logged: what to give for it, if anything."""
    prefix = "val_" if name.startswith("val_") else ""
    metric = name.removeprefix("val_")
    metric = string_here(metric, METRICS) or metric
    give = []
    if metric in METRICS and not {metric, f"val_{metric}"} & logs.keys():
        give = [f"compile with metrics=[{metric!r}]"]
    if prefix and not any(logged.startswith("val_") for logged in logs):
        give.append("give fit validation_data")
    if not give:
        return unknown_name("monitor", name, tuple(logs))
    if prefix + metric != name:
        give.append(f"monitor {prefix + metric!r}")
    known = ", ".join(map(repr, logs))
    return f"unknown monitor {name!r}: there are {known}. To fix: {' and '.join(give)}"


def _guess_mode(name: str) -> str:
    """Return 'min' for losses and errors, 'max' for accuracies and scores."""
    if name.endswith(FALLING):
        return "min"
    if name.endswith(RISING):
        return "max"
    prefix = "val_" if name.startswith("val_") else ""
    near = difflib.get_close_matches(
        name.removeprefix("val_"), (*FALLING, *RISING), n=1, cutoff=0.7
    )
    hint = f", or did you mean {prefix + near[0]!r}?" if near else ""
    raise ValueError(f"say whether {name!r} should fall or rise: mode='min' or mode='max'{hint}")
