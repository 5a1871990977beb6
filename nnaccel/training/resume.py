"""Backups of a whole training after every epoch, to resume it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from nnaccel._text import shorten
from nnaccel._validate import warn_caller
from nnaccel.backends import Array, backend_of, to_numpy
from nnaccel.training import checkpoint
from nnaccel.training.callbacks import Callback
from nnaccel.training.callbacks._base import Logs
from nnaccel.training.callbacks._list import CallbackList
from nnaccel.training.communicator import Communicator
from nnaccel.training.saved_training import (
    identity,
    join_arrays,
    read_training,
    split_arrays,
)

_LAST = {"last/weights", "last/states"}  # arrays of the last epoch, where better ones were restored


class Resumable(Protocol):
    """A model whose training can be saved and resumed."""

    stop_training: bool

    def state(self) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        """Return all arrays and settings."""

    def load_state(self, arrays: Mapping[str, np.ndarray], described: Mapping[str, Any]) -> None:
        """Restore arrays and settings."""


class Backup(Callback):
    """Writes model, optimiser, counters and callbacks to one file after each epoch.

    Parameters
    ----------
    model : Resumable
    path : str or Path
        Replaced atomically.
    resume : bool
        Whether to start from the file if it exists.
    comm : Communicator
        Rank 0 alone reads and writes the file; the others are given what is in it.
    setting : mapping
        Arguments of `fit`, plain values, that a resumed training is to share.

    Raises
    ------
    FileNotFoundError, OSError
        If the file cannot be written.

    Warns
    -----
    UserWarning
        If a resumed training differs from the one saved in its batches, data, augmentation,
        class weights or learning rate.
    """

    saves_training = True

    def __init__(
        self,
        model: Resumable,
        path: str | Path,
        resume: bool,
        comm: Communicator,
        setting: Mapping[str, Any],
    ) -> None:
        self._model, self._path, self._resume, self._comm = model, Path(path), resume, comm
        if comm.rank == 0:
            checkpoint.require_place(self._path)
        self._callbacks: CallbackList | None = None
        self._next_epoch = 0
        self._training: dict[str, Any] = {}
        self._arrays: dict[str, np.ndarray] = {}
        self._setting = dict(setting)
        self._at_last_epoch: dict[str, np.ndarray] = {}

    def load(self) -> None:
        """Load the model from the file, if `resume` is true and the file exists."""
        self._setting["learning_rate"] = self._model.state()[1]["optimizer"]["config"][
            "learning_rate"
        ]
        found = self._read() if self._resume else None
        if found is None:
            return
        self._arrays, described = found
        with checkpoint.reading(self._path):
            self._require_same_training(described)
            self._training = read_training(described)
            self._model.load_state(self._arrays, described)
            for name in _LAST & self._arrays.keys():
                place = _trained_arrays(self._model)[name]
                place[...] = backend_of(place).asarray(self._arrays[name])
            self._keep_last_epoch()
        checkpoint.warn_of_nan(self._path, self._arrays)

    def _read(self) -> tuple[dict[str, np.ndarray], dict[str, Any]] | None:
        """Return what the file holds, to all ranks; None if there is none."""
        here = self._comm.rank == 0 and self._path.is_file()
        if self._comm.size == 1:
            return checkpoint.read(self._path) if here else None
        data = self._comm.broadcast(b"+" + self._path.read_bytes() if here else b"")
        return checkpoint.parse(self._path, data[1:]) if data else None

    def restore(self, callbacks: CallbackList, first_epoch: int) -> int:
        """Restore the callbacks from the file, and return the number of the next epoch."""
        self._callbacks, self._next_epoch = callbacks, first_epoch
        is_stream = self.params.get("batch_size") is None
        keys = ("steps",) if is_stream else ("batch_size", "samples")
        self._setting |= {key: self.params.get(key) for key in keys}
        if self._training:
            self._warn_of_differences(self._training["setting"])
            with checkpoint.reading(self._path):
                states = join_arrays(self._training["callbacks"], self._arrays)
                callbacks.load_state(states)
                self._model.stop_training = self._training["stop"]
                self._next_epoch = self._training["next_epoch"]
        return self._next_epoch

    def nothing_left(self, epochs: int) -> str:
        """Return what to say where a restored training has none of its epochs left, else ''."""
        if not self._training:
            return ""
        done = f"already trained for {self._next_epoch} epoch{'s' * (self._next_epoch != 1)}"
        if self._training["stop"]:
            return f"{done}, after which a callback stopped the training"
        return f"{done}: give a larger epochs to go on" if self._next_epoch >= epochs else ""

    def on_epoch_end(self, epoch: int, logs: Logs) -> None:
        """Save; this callback runs last."""
        self._next_epoch = epoch + 1
        self._keep_last_epoch()
        self._save({})

    def on_train_end(self, logs: Logs) -> None:
        """Save again: other callbacks may have restored better weights.

        The weights of the last epoch are saved too, for a longer training to resume from.
        """
        now = _trained_arrays(self._model)
        self._save(
            {
                name: array
                for name, array in self._at_last_epoch.items()
                if not np.array_equal(array, to_numpy(now[name]))
            }
        )

    def _save(self, more: dict[str, np.ndarray]) -> None:
        assert self._callbacks is not None
        if self._comm.rank:
            return
        arrays, described = self._model.state()
        arrays |= more
        plain, more = split_arrays(self._callbacks.state())
        described["training"] = {
            "next_epoch": self._next_epoch,
            "stop": self._model.stop_training,
            "callbacks": plain,
            "setting": self._setting,
        }
        checkpoint.write(self._path, {**arrays, **more}, described)

    def _keep_last_epoch(self) -> None:
        arrays = _trained_arrays(self._model)
        self._at_last_epoch = {name: to_numpy(a).copy() for name, a in arrays.items()}

    def _warn_of_differences(self, theirs: Mapping[str, Any]) -> None:
        """Warn of settings that differ from the saved training, and say which are used."""
        for key, ours in self._setting.items():
            if key in theirs and theirs[key] != ours:
                what = {
                    "learning_rate": "learning rate",
                    "samples": "number of rows",
                    "steps": "number of batches in an epoch",
                }.get(key, key)
                used = (
                    "that of the file is used; set model.optimizer.learning_rate in a callback"
                    if key == "learning_rate"
                    else "the new one is used, so the result differs from an uninterrupted training"
                )
                warn_caller(
                    f"{self._path} was saved by a training whose {what.replace('_', ' ')} was "
                    f"{shorten(repr(theirs[key]))}, not {ours}: {used}"
                )
        if "learning_rate" in theirs:
            self._setting["learning_rate"] = theirs["learning_rate"]

    def _require_same_training(self, described: Mapping[str, Any]) -> None:
        """Raise a CheckpointError unless the file is of this model and its loss and optimiser."""
        theirs, ours = identity(described), identity(self._model.state()[1])
        for key, value in ours.items():
            if theirs[key] != value:
                differ = "differ" if key in ("layers", "metrics") else "differs"
                raise checkpoint.CheckpointError(
                    f"holds another training: its {key} {differ}. To fix: give another path, or "
                    "resume=False to start over"
                )


def _trained_arrays(model: Any) -> dict[str, Array]:
    """The flat arrays that training changes and that callbacks may restore."""
    return {"last/weights": model.weights, "last/states": model.states}
