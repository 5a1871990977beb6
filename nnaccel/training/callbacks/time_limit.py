"""A limit of time."""

from __future__ import annotations

import math
import time
from typing import Any

from nnaccel._validate import check_range
from nnaccel.training.callbacks._base import Callback, Logs
from nnaccel.training.callbacks._state import number

__all__ = ["TimeLimit"]


class TimeLimit(Callback):
    """Stops training before an epoch that would end too late.

    An epoch is expected to take as long as the longest one so far, validation included. One epoch
    is trained in any case.

    Parameters
    ----------
    seconds : float
        Of wall-clock time, with those before an interruption if training is resumed.

    Attributes
    ----------
    spent : float
        Seconds since training began.

    Raises
    ------
    ValueError
        If `seconds` is not above 0.

    Examples
    --------
    >>> limit = TimeLimit(seconds=15 * 60)
    """

    spent: float
    _longest: float
    _last: float

    def __init__(self, seconds: float) -> None:
        check_range("seconds", seconds, 0, math.inf, open_low=True)
        self.seconds = seconds
        self._begin()

    def on_train_begin(self, logs: Logs) -> None:
        """Start the clock."""
        self._begin()

    def on_epoch_end(self, epoch: int, logs: Logs) -> None:
        """Stop if there is no time for another epoch."""
        now = time.monotonic()
        self.spent += now - self._last
        self._longest = max(self._longest, now - self._last)
        self._last = now
        if self.spent + self._longest > self.seconds:
            self.model.stop_training = True

    def state(self) -> dict[str, Any]:
        """Return the seconds so far."""
        return {"spent": self.spent, "longest": self._longest}

    def load_state(self, state: dict[str, Any]) -> None:
        """Count the seconds of the training that is resumed."""
        self.spent, self._longest = number(state, "spent") or 0.0, number(state, "longest") or 0.0
        if self.spent + self._longest > self.seconds:
            self.model.stop_training = True

    def _begin(self) -> None:
        self.spent = self._longest = 0.0
        self._last = time.monotonic()
