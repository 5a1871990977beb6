"""Saves the whole training after every epoch, and takes it up again."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Protocol

import numpy as np

from nnaccel import checkpoint
from nnaccel.callbacks import Callback, CallbackList, Logs

_PREFIX = "callbacks/"


class Resumable(Protocol):
    """What a model offers to be saved and taken up again."""

    stop_training: bool

    def state(self) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        """Return all arrays and settings."""

    def load_state(self, arrays: dict[str, np.ndarray], described: dict[str, Any]) -> None:
        """Take them back."""


class Backup(Callback):
    """Writes model, optimiser, counters and callbacks to one file after each epoch.

    Parameters
    ----------
    model : Resumable
    path : str or Path
        Written beside and renamed.
    resume : bool
        Whether to begin from the file if it exists.
    """

    saves_training = True

    def __init__(self, model: Resumable, path: str | Path, resume: bool) -> None:
        self._model, self._path, self._resume = model, Path(path), resume
        self._callbacks: CallbackList | None = None
        self._next_epoch = 0

    def restore(self, callbacks: CallbackList, initial_epoch: int) -> int:
        """Load the file, if asked to and there, and return the epoch to go on with."""
        self._callbacks, self._next_epoch = callbacks, initial_epoch
        if self._resume and self._path.is_file():
            arrays, described = checkpoint.read(self._path)
            self._require_same_model(described)
            self._model.load_state(arrays, described)
            training = described.get("training", {"next_epoch": 0, "stop": False, "callbacks": {}})
            callbacks.load_state(checkpoint.join_arrays(training["callbacks"], arrays, _PREFIX))
            self._model.stop_training = training["stop"]
            self._next_epoch = training["next_epoch"]
        return self._next_epoch

    def on_epoch_end(self, epoch: int, logs: Logs) -> None:
        """Save, after all other callbacks have had their say."""
        self._next_epoch = epoch + 1
        self._save()

    def on_train_end(self, logs: Logs) -> None:
        """Save once more: other callbacks may have put better weights back."""
        self._save()

    def _save(self) -> None:
        assert self._callbacks is not None
        arrays, described = self._model.state()
        plain, more = checkpoint.split_arrays(self._callbacks.state(), _PREFIX)
        described["training"] = {
            "next_epoch": self._next_epoch,
            "stop": self._model.stop_training,
            "callbacks": plain,
        }
        checkpoint.write(self._path, {**arrays, **more}, described)

    def _require_same_model(self, described: dict[str, Any]) -> None:
        """Raise a CheckpointError unless the file holds a model of this architecture."""
        ours = self._model.state()[1]
        for key in ("layers", "input_shape", "dtype"):
            if list(described[key]) != list(ours[key]):
                raise checkpoint.CheckpointError(
                    f"{self._path} holds another model: its {key} differ from this one's. "
                    "Give another path, or resume=False to start anew"
                )
