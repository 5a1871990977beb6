"""Save the model as it learns."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from nnaccel._validate import unknown_name
from nnaccel.training.callbacks._base import Callback, Logs
from nnaccel.training.callbacks._monitor import Monitor

__all__ = ["ModelCheckpoint"]


class ModelCheckpoint(Callback):
    """Saves the model, with all that resuming its training needs, at the end of an epoch.

    Parameters
    ----------
    path : str or Path
        Where to. ``{epoch}`` stands for the epoch counted from 1, and other names in braces for
        what is logged, as in ``"mlp-{epoch:02d}-{val_loss:.3f}.safetensors"``. A path without them
        is overwritten each time; the file on disk is always whole.
    monitor : str, default 'val_loss'
        Name in the logs that `save_best_only` goes by.
    save_best_only : bool, default False
        Save only an epoch that is better than all those before.
    mode : {'auto', 'min', 'max'}
        Whether less or more is better; 'auto' goes by the name.
    every : int, default 1
        Look at every so many epochs only.

    Attributes
    ----------
    best : float or None
        Best value seen, with `save_best_only`.

    Raises
    ------
    ValueError
        If an argument is out of its range, 'auto' cannot tell, or a name is not logged.

    Examples
    --------
    >>> saving = ModelCheckpoint("mlp.safetensors", monitor="val_accuracy", save_best_only=True)
    """

    saves_training = True

    def __init__(
        self,
        path: str | Path,
        monitor: str = "val_loss",
        save_best_only: bool = False,
        mode: str = "auto",
        every: int = 1,
    ) -> None:
        if every < 1:
            raise ValueError(f"every={every} must be at least 1 epoch")
        self.path = str(path)
        self._monitor = Monitor(monitor, mode)
        self.save_best_only = save_best_only
        self.every = every
        self.best: float | None = None

    def on_train_begin(self, logs: Logs) -> None:
        """Forget a former training."""
        self.best = None

    def on_epoch_end(self, epoch: int, logs: Logs) -> None:
        """Save if this epoch is due and, where that is asked for, the best."""
        if (epoch + 1) % self.every:
            return
        path = self._path(epoch, logs)
        if self.save_best_only:
            value = self._monitor.read(logs)
            if not self._monitor.improves(value, self.best):
                return
            self.best = value  # before saving, since this state is part of what is saved
        self.model.save(path)

    def state(self) -> dict[str, Any]:
        """Return the best value."""
        return {"best": self.best}

    def load_state(self, state: dict[str, Any]) -> None:
        """Take the best value back."""
        self.best = state["best"]

    def _path(self, epoch: int, logs: Logs) -> Path:
        """Path of this epoch."""
        names = {**logs, "epoch": epoch + 1}
        try:
            return Path(self.path.format(**names))
        except KeyError as missing:
            raise ValueError(unknown_name("name in path", missing.args[0], tuple(names))) from None
