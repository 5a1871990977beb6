"""Smaller steps when larger ones no longer help."""

from __future__ import annotations

from numbers import Real
from typing import Any

from nnaccel.training.callbacks._base import Callback, Logs
from nnaccel.training.callbacks._monitor import Monitor

__all__ = ["ReduceLROnPlateau"]


class ReduceLROnPlateau(Callback):
    """Multiplies the learning rate by `factor` when a number stops getting better, as Keras's does.

    It also adds 'learning_rate' to the logs: the one this epoch ran with.

    Parameters
    ----------
    monitor : str, default 'val_loss'
        Name in the logs.
    factor : float, default 0.1
        Between 0 and 1.
    patience : int, default 10
        Epochs in a row without anything better after which the rate falls.
    mode : {'auto', 'min', 'max'}
        Whether less or more is better; 'auto' goes by the name.
    min_delta : float, default 1e-4
        What a change must exceed to count as better.
    cooldown : int, default 0
        Epochs after a reduction in which patience is not counted.
    min_lr : float, default 0
        The rate falls no further.

    Raises
    ------
    ValueError
        If an argument is out of its range, 'auto' cannot tell, or `monitor` is not logged.
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
        self._forget()

    def on_train_begin(self, logs: Logs) -> None:
        """Forget a former training, and see that there is a rate to reduce."""
        self._forget()
        rate = self.model.optimizer.learning_rate
        if not isinstance(rate, Real):
            raise TypeError(
                f"ReduceLROnPlateau needs a learning rate that is a number, but the optimizer "
                f"follows {rate!r}: give the optimizer a number, or leave this callback out"
            )

    def on_epoch_end(self, epoch: int, logs: Logs) -> None:
        """Reduce the rate if patience is lost."""
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
        """Take the counters back."""
        for name in _COUNTERS:
            setattr(self, name, state[name])

    def _forget(self) -> None:
        """Nothing seen yet."""
        self.best = None
        self.wait = 0
        self.cooldown_counter = 0

    def _reduce(self) -> None:
        """Lower the rate, unless it is as low as it may be."""
        rate = float(self.model.optimizer.learning_rate)
        if rate > self.min_lr:
            self.model.optimizer.learning_rate = max(rate * self.factor, self.min_lr)
            self.cooldown_counter = self.cooldown
            self.wait = 0


_COUNTERS = ("best", "wait", "cooldown_counter")
