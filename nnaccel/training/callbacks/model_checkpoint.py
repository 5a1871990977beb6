"""Checkpoints at the end of epochs."""

from __future__ import annotations

from pathlib import Path
from string import Formatter
from typing import Any

from nnaccel._validate import unknown_name
from nnaccel.training.callbacks._base import Callback, Logs
from nnaccel.training.callbacks._monitor import Monitor
from nnaccel.training.callbacks._state import number

__all__ = ["ModelCheckpoint"]


class ModelCheckpoint(Callback):
    """Saves the model, with the state of its training, at the end of an epoch.

    Parameters
    ----------
    path : str or Path
        The file. ``{epoch}`` is the epoch, counted from 1, and other names in braces are logged
        numbers, as in ``"mlp-{epoch:02d}-{val_loss:.3f}.safetensors"``. A path without them is
        overwritten each time, atomically.
    monitor : str, default 'val_loss'
        Name in the logs, for `save_best_only`.
    save_best_only : bool, default False
        Whether to save only an epoch that is better than all before it.
    mode : {'auto', 'min', 'max'}
        Whether lower or higher is better; 'auto' follows the end of the name.
    every : int, default 1
        Interval in epochs.

    Attributes
    ----------
    best : float or None
        Best value seen, with `save_best_only`.

    Raises
    ------
    ValueError
        If an argument is out of range, 'auto' does not know the name, or a name is not logged.

    Examples
    --------
    >>> saving = ModelCheckpoint("mlp.safetensors", monitor="val_accuracy", save_best_only=True)
    """

    first_rank_only = True
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
        _check_template(self.path)
        self._monitor = Monitor(monitor, mode)
        self.save_best_only = save_best_only
        self.every = every
        self.best: float | None = None

    def on_train_begin(self, logs: Logs) -> None:
        """Reset the state."""
        self.best = None

    def on_epoch_end(self, epoch: int, logs: Logs) -> None:
        """Save if the epoch is due and, with `save_best_only`, the best so far."""
        if (epoch + 1) % self.every:
            return
        path = self._path(epoch, logs)
        if self.save_best_only:
            value = self._monitor.read(logs)
            if not self._monitor.improves(value, self.best):
                return
            self.best = value  # before saving, which saves this state too
        self.model.save(path)

    def state(self) -> dict[str, Any]:
        """Return the best value."""
        return {"best": self.best}

    def load_state(self, state: dict[str, Any]) -> None:
        """Restore the best value."""
        self.best = number(state, "best")

    def _path(self, epoch: int, logs: Logs) -> Path:
        """Path for an epoch."""
        names = {**logs, "epoch": epoch + 1}
        try:
            return Path(self.path.format(**names))
        except KeyError as missing:
            raise ValueError(unknown_name("name in path", missing.args[0], tuple(names))) from None


def _check_template(path: str) -> None:
    """Raise a ValueError unless the names and formats in a path's braces are valid."""
    try:
        for _, name, spec, _ in Formatter().parse(path):
            if name is None:
                continue
            if not name.isidentifier():
                raise ValueError(f"{name!r} is no name of a logged number")
            format(1 if name == "epoch" else 0.5, spec or "")
    except ValueError as error:
        raise ValueError(
            f"path={path!r}: {error}. To fix: name a logged number, as in {{epoch}} or "
            "{val_loss:.3f}, or double a literal brace"
        ) from None
