"""Early stopping."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnaccel.training.callbacks._base import Callback, Logs
from nnaccel.training.callbacks._monitor import Monitor
from nnaccel.training.callbacks._state import count_or_none, number
from nnaccel.training.checkpoint import read_count

__all__ = ["EarlyStopping"]


class EarlyStopping(Callback):
    """Stops training when a monitored number no longer improves, as in Keras.

    Parameters
    ----------
    monitor : str, default 'val_loss'
        Name in the logs.
    min_delta : float, default 0
        Smallest change that counts as an improvement.
    patience : int, default 0
        Epochs without improvement after which training stops.
    mode : {'auto', 'min', 'max'}
        Whether lower or higher is better; 'auto' follows the end of the name.
    baseline : float, optional
        An improvement must also be better than this to reset the patience.
    restore_best_weights : bool, default True
        Whether the model ends with the weights of its best epoch instead of the last ones; where
        the optimiser keeps averages of them, with the averages of that epoch.
    start_from_epoch : int, default 0
        First epoch to monitor.

    Attributes
    ----------
    best : float or None
        Best value seen; NaN is never the best.
    best_epoch, stopped_epoch : int or None
        Counted from 0; `stopped_epoch` is None unless training was stopped.

    Raises
    ------
    ValueError
        If an argument is out of range, 'auto' does not know the name, or it is not logged.

    References
    ----------
    Prechelt, "Early stopping - but when?", in Neural Networks: Tricks of the Trade, 1998.

    Examples
    --------
    >>> stopping = EarlyStopping(monitor="val_accuracy", patience=3)
    """

    best: float | None
    best_epoch: int | None
    stopped_epoch: int | None
    wait: int
    _best_weights: list[NDArray[np.floating[Any]]]

    def __init__(
        self,
        monitor: str = "val_loss",
        min_delta: float = 0.0,
        patience: int = 0,
        mode: str = "auto",
        baseline: float | None = None,
        restore_best_weights: bool = True,
        start_from_epoch: int = 0,
    ) -> None:
        if patience < 0:
            raise ValueError(f"patience={patience} must be at least 0 epochs")
        self._monitor = Monitor(monitor, mode, min_delta)
        self.patience = patience
        self.baseline = baseline
        self.restore_best_weights = restore_best_weights
        self.start_from_epoch = start_from_epoch
        self._reset()

    def on_train_begin(self, logs: Logs) -> None:
        """Reset the state."""
        self._reset()

    def on_epoch_end(self, epoch: int, logs: Logs) -> None:
        """Keep the epoch if it is the best so far; stop if patience has run out."""
        value = self._monitor.read(logs)
        if epoch < self.start_from_epoch:
            return
        self.wait += 1
        if self._monitor.improves(value, self.best):
            self.best = value
            self._keep(epoch)
            if self.baseline is None or self._monitor.improves(value, self.baseline):
                self.wait = 0
            return
        if self.best_epoch is None:
            self._keep(epoch)  # only NaN so far
        if self.wait >= self.patience and epoch > 0:
            self.stopped_epoch = epoch
            self.model.stop_training = True

    def on_train_end(self, logs: Logs) -> None:
        """Restore the model's best weights."""
        if self._best_weights:
            self.model.set_weights(self._best_weights)

    def state(self) -> dict[str, Any]:
        """Return the counters, and the best weights as the dict 'weights'."""
        counters = {name: getattr(self, name) for name in _COUNTERS}
        return {**counters, "weights": {str(i): w for i, w in enumerate(self._best_weights)}}

    def load_state(self, state: dict[str, Any]) -> None:
        """Restore a state; a stopped one stops the model again."""
        self.best, self.wait = number(state, "best"), read_count(state, "wait")
        self.best_epoch = count_or_none(state, "best_epoch")
        self.stopped_epoch = count_or_none(state, "stopped_epoch")
        weights = state["weights"]
        self._best_weights = [np.array(weights[str(i)]) for i in range(len(weights))]
        if self.stopped_epoch is not None:
            self.model.stop_training = True

    def _reset(self) -> None:
        """Reset the state."""
        self.best = self.best_epoch = self.stopped_epoch = None
        self.wait = 0
        self._best_weights = []

    def _keep(self, epoch: int) -> None:
        """Keep this epoch's weights as the best."""
        self.best_epoch = epoch
        if self.restore_best_weights:
            self._best_weights = self.model.final_weights()


_COUNTERS = ("best", "best_epoch", "stopped_epoch", "wait")
