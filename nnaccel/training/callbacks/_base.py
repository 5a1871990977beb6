"""The hooks of a training, all of them empty."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray

__all__ = ["Callback"]

#: Losses and metrics by name, such as {"loss": 0.3, "val_accuracy": 0.97}.
Logs = dict[str, float]

HOOKS = (
    "on_train_begin",
    "on_train_end",
    "on_epoch_begin",
    "on_epoch_end",
    "on_train_batch_begin",
    "on_train_batch_end",
    "on_progress",
)


class Optimizer(Protocol):
    """What a callback may change of an optimiser."""

    learning_rate: Any  # a float, or a schedule


class Model(Protocol):
    """What a callback may ask of the model in training."""

    stop_training: bool

    @property
    def optimizer(self) -> Optimizer:
        """Return the optimiser."""

    def get_weights(self) -> list[NDArray[np.floating[Any]]]:
        """Return copies of all parameters on the host."""

    def set_weights(self, weights: Sequence[NDArray[np.floating[Any]]]) -> None:
        """Write all parameters."""

    def save(self, path: str | Path) -> None:
        """Write a checkpoint."""


class Callback:
    """Base of all callbacks: override the hooks you need.

    Epochs count from 0. Hooks are called in this order::

        on_train_begin
            on_epoch_begin
                on_train_batch_begin, on_train_batch_end    of each batch
                on_progress                                 a few dozen times
            on_epoch_end                                    after the validation
        on_train_end
        close                                               also if training failed

    Overriding `on_train_batch_begin` or `on_train_batch_end` makes the loop return to Python for
    each batch, which costs speed; `on_progress` does not.

    Attributes
    ----------
    model : Sequential
        The model in training; set ``model.stop_training = True`` to end it after this epoch.
    params : dict
        'epochs', 'steps' (batches an epoch), 'samples', 'batch_size', 'verbose'; None where the
        loop does not know.

    Examples
    --------
    >>> class StopWhenGoodEnough(Callback):
    ...     def on_epoch_end(self, epoch, logs):
    ...         self.model.stop_training = logs["val_accuracy"] > 0.98
    """

    #: Whether it keeps the whole state of a training, so that it must see an epoch's end last.
    saves_training: ClassVar[bool] = False

    model: Model
    params: dict[str, Any]

    def set_model(self, model: Model) -> None:
        """Take the model that is to be trained."""
        self.model = model

    def set_params(self, params: dict[str, Any]) -> None:
        """Take the loop's sizes."""
        self.params = params

    def on_train_begin(self, logs: Logs) -> None:
        """Begin anew: what a former training left is forgotten."""

    def on_train_end(self, logs: Logs) -> None:
        """Training is over, and nothing went wrong."""

    def on_epoch_begin(self, epoch: int, logs: Logs) -> None:
        """Epoch `epoch`, counted from 0, is about to begin."""

    def on_epoch_end(self, epoch: int, logs: Logs) -> None:
        """Epoch `epoch` is over; `logs` has its losses and metrics, of validation too."""

    def on_train_batch_begin(self, batch: int, logs: Logs) -> None:
        """Batch `batch` of this epoch, counted from 0, is about to begin."""

    def on_train_batch_end(self, batch: int, logs: Logs) -> None:
        """Batch `batch` of this epoch is over."""

    def on_progress(self, batch: int, logs: Mapping[str, float]) -> None:
        """`batch` batches of this epoch are done; `logs` has the means, found when asked for."""

    def close(self) -> None:
        """Release what is held; called once more when training ends, in whatever way."""

    def state(self) -> dict[str, Any]:
        """Return what a resumed training needs to go on as if it had not been interrupted.

        Returns
        -------
        dict
            Of what JSON can hold, but for values that are dicts of NumPy arrays.
        """
        return {}

    def load_state(self, state: dict[str, Any]) -> None:
        """Take back what `state` gave. To be called after `on_train_begin`, which forgets it."""


def wants_batches(callback: Callback) -> bool:
    """Whether a callback has something to do at each batch.

    Parameters
    ----------
    callback : Callback

    Returns
    -------
    bool
        True if it overrides `on_train_batch_begin` or `on_train_batch_end`.

    Examples
    --------
    >>> wants_batches(Callback())
    False
    """
    return any(
        getattr(getattr(callback, hook), "__func__", None) is not getattr(Callback, hook)
        for hook in ("on_train_batch_begin", "on_train_batch_end")
    )
