"""Saves the whole training after every epoch, and takes it up again."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from nnaccel.training import checkpoint
from nnaccel.training.callbacks import Callback
from nnaccel.training.callbacks._base import Logs
from nnaccel.training.callbacks._list import CallbackList

_PREFIX = "callbacks/"


class Resumable(Protocol):
    """What a model offers to be saved and taken up again."""

    stop_training: bool

    def state(self) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        """Return all arrays and settings."""

    def load_state(self, arrays: Mapping[str, np.ndarray], described: Mapping[str, Any]) -> None:
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

    Raises
    ------
    FileNotFoundError
        If the folder to write to does not exist.
    """

    saves_training = True

    def __init__(self, model: Resumable, path: str | Path, resume: bool) -> None:
        self._model, self._path, self._resume = model, Path(path), resume
        checkpoint.require_folder(self._path)
        self._callbacks: CallbackList | None = None
        self._next_epoch = 0
        self._training: dict[str, Any] = {}
        self._arrays: dict[str, np.ndarray] = {}

    def load(self) -> None:
        """Load the model from the file, if asked to and if there is one."""
        if not (self._resume and self._path.is_file()):
            return
        self._arrays, described = checkpoint.read(self._path)
        with checkpoint.refusing(self._path):
            self._require_same_training(described)
            fresh = {"next_epoch": described["epochs"], "stop": False, "callbacks": {}}
            self._training = dict(described.get("training", fresh))
            self._model.load_state(self._arrays, described)

    def restore(self, callbacks: CallbackList, first_epoch: int) -> int:
        """Load what the file has for callbacks, and return the epoch to go on with."""
        self._callbacks, self._next_epoch = callbacks, first_epoch
        if self._training:
            with checkpoint.refusing(self._path):
                states = checkpoint.join_arrays(self._training["callbacks"], self._arrays, _PREFIX)
                callbacks.load_state(states)
                self._model.stop_training = bool(self._training["stop"])
                self._next_epoch = checkpoint.count_in(self._training, "next_epoch")
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

    def _require_same_training(self, described: Mapping[str, Any]) -> None:
        """Raise a CheckpointError unless the file holds this model, compiled like this."""
        theirs, ours = _identity(described), _identity(self._model.state()[1])
        for key, value in ours.items():
            if theirs[key] != value:
                raise checkpoint.CheckpointError(
                    f"holds another training: its {key} is not that of this one. Give another "
                    "path, or resume=False to start anew"
                )


def _identity(described: Mapping[str, Any]) -> dict[str, str]:
    """What must not change in a resumed training; the learning rate may have, by a callback."""
    keys = ("input_shape", "dtype", "layers", "loss", "metrics")
    kept = {key: described.get(key) for key in keys}
    optimizer = described.get("optimizer") or {"name": None, "config": {}}
    config = {**optimizer["config"], "learning_rate": None}
    kept["optimizer"] = {"name": optimizer["name"], "config": config}
    return {key: json.dumps(value, sort_keys=True) for key, value in kept.items()}
