"""Reduction of the learning rate on a plateau."""

from __future__ import annotations

from numbers import Real
from typing import Any

from nnaccel.training.callbacks._base import Callback, Logs
from nnaccel.training.callbacks._monitor import Monitor
from nnaccel.training.callbacks._state import number
from nnaccel.training.checkpoint import read_count

__all__ = ["ReduceLROnPlateau"]


class ReduceLROnPlateau(Callback):
    """Multiplies the learning rate by `factor` when a number no longer improves, as in Keras.

    It adds 'learning_rate' to the logs: the rate of the epoch.

    Parameters
    ----------
    monitor : str, default 'val_loss'
        Name in the logs.
    factor : float, default 0.1
        Between 0 and 1.
    patience : int, default 10
        Epochs without improvement after which the rate falls.
    mode : {'auto', 'min', 'max'}
        Whether lower or higher is better; 'auto' follows the end of the name.
    min_delta : float, default 1e-4
        Smallest change that counts as an improvement.
    cooldown : int, default 0
        Epochs after a reduction in which patience is not counted.
    min_lr : float, default 0
        Lower bound of the rate.

    Raises
    ------
    ValueError
        If an argument is out of range, 'auto' does not know the name, or it is not logged.
    TypeError
        If the optimiser follows a schedule.

    Examples
    --------
    >>> reducing = ReduceLROnPlateau(monitor="val_accuracy", factor=0.5, patience=2)
    """

    best: float | None
    wait: int
    cooldown_counter: int

    def __init__(
        self,
        monitor: str = "val_loss",
        factor: float = 0.1,
        patience: int = 10,
        mode: str = "auto",
        min_delta: float = 1e-4,
        cooldown: int = 0,
        min_lr: float = 0.0,
    ) -> None:
        if not 0 < factor < 1:
            raise ValueError(f"factor={factor} must lie between 0 and 1")
        for name, value in (("patience", patience), ("cooldown", cooldown), ("min_lr", min_lr)):
            if not value >= 0:
                raise ValueError(f"{name}={value} must be at least 0")
        self._monitor = Monitor(monitor, mode, min_delta)
        self.factor = factor
        self.patience = patience
        self.cooldown = cooldown
        self.min_lr = min_lr
        self._reset()

    def on_train_begin(self, logs: Logs) -> None:
        """Reset the state; TypeError if the rate is a schedule."""
        self._reset()
        rate = self.model.optimizer.learning_rate
        if not isinstance(rate, Real):
            raise TypeError(
                f"ReduceLROnPlateau needs a learning rate that is a number, but the optimizer "
                f"follows {rate!r}: give the optimizer a number, or leave this callback out"
            )

    def on_epoch_end(self, epoch: int, logs: Logs) -> None:
        """Reduce the rate if patience has run out."""
        logs["learning_rate"] = float(self.model.optimizer.learning_rate)
        value = self._monitor.read(logs)
        if self.cooldown_counter > 0:
            self.cooldown_counter -= 1
            self.wait = 0
        if self._monitor.improves(value, self.best):
            self.best = value
            self.wait = 0
        elif self.cooldown_counter == 0:
            self.wait += 1
            if self.wait >= self.patience:
                self._reduce()

    def state(self) -> dict[str, Any]:
        """Return the counters; the rate itself is the optimiser's."""
        return {name: getattr(self, name) for name in _COUNTERS}

    def load_state(self, state: dict[str, Any]) -> None:
        """Restore the counters."""
        self.best, self.wait = number(state, "best"), read_count(state, "wait")
        self.cooldown_counter = read_count(state, "cooldown_counter")

    def _reset(self) -> None:
        """Reset the state."""
        self.best = None
        self.wait = 0
        self.cooldown_counter = 0

    def _reduce(self) -> None:
        """Reduce the rate, down to `min_lr`."""
        rate = float(self.model.optimizer.learning_rate)
        if rate > self.min_lr:
            self.model.optimizer.learning_rate = max(rate * self.factor, self.min_lr)
            self.cooldown_counter = self.cooldown
            self.wait = 0


_COUNTERS = ("best", "wait", "cooldown_counter")
