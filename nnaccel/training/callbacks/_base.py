"""The base class of callbacks: the hooks of a training."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray

from nnaccel._validate import Explained

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
    """The part of an optimiser that a callback may change."""

    learning_rate: Any  # a float, or a schedule


class Model(Protocol):
    """The part of a model that a callback may use."""

    stop_training: bool

    @property
    def optimizer(self) -> Optimizer:
        """Return the optimiser."""

    def get_weights(self) -> list[NDArray[np.floating[Any]]]:
        """Return copies of all parameters, on the host."""

    def final_weights(self) -> list[NDArray[np.floating[Any]]]:
        """Return copies of the parameters that `fit` would end with now: averages, if there are."""

    def set_weights(self, weights: Sequence[NDArray[np.floating[Any]]]) -> None:
        """Overwrite all parameters."""

    def save(self, path: str | Path) -> None:
        """Write a checkpoint."""


class Callback(Explained):
    """Base class of callbacks: override the hooks you need.

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
        'epochs', 'steps' (batches an epoch), 'samples', 'batch_size', 'verbose' and 'resume';
        None where unknown.

    Examples
    --------
    >>> class StopWhenGoodEnough(Callback):
    ...     def on_epoch_end(self, epoch, logs):
    ...         self.model.stop_training = logs["val_accuracy"] > 0.98
    """

    #: Whether, in a training of several processes, it runs on rank 0 only: it writes or prints.
    first_rank_only: ClassVar[bool] = False
    #: Whether it saves the state of all callbacks, and so runs after them.
    saves_training: ClassVar[bool] = False

    model: Model
    params: dict[str, Any]

    def set_model(self, model: Model) -> None:
        """Set the model in training."""
        self.model = model

    def set_params(self, params: dict[str, Any]) -> None:
        """Set `params`."""
        self.params = params

    def on_train_begin(self, logs: Logs) -> None:
        """Called before the first epoch; reset the state of earlier trainings here."""

    def on_train_end(self, logs: Logs) -> None:
        """Called after the last epoch, unless training failed."""

    def on_epoch_begin(self, epoch: int, logs: Logs) -> None:
        """Called before epoch `epoch`, counted from 0."""

    def on_epoch_end(self, epoch: int, logs: Logs) -> None:
        """Called after epoch `epoch`; `logs` has its losses and metrics, of validation too."""

    def on_train_batch_begin(self, batch: int, logs: Logs) -> None:
        """Called before batch `batch` of the epoch, counted from 0."""

    def on_train_batch_end(self, batch: int, logs: Logs) -> None:
        """Called after batch `batch` of the epoch."""

    def on_progress(self, batch: int, logs: Mapping[str, float]) -> None:
        """Called after `batch` batches of the epoch; reading `logs` computes their means."""

    def close(self) -> None:
        """Release resources; called at the end of training, even if it failed."""

    def state(self) -> dict[str, Any]:
        """Return the state that a resumed training needs, to continue without a difference.

        Returns
        -------
        dict
            JSON values, or dicts of NumPy arrays.
        """
        return {}

    def load_state(self, state: dict[str, Any]) -> None:
        """Restore the result of `state`; called after `on_train_begin`."""


def wants_batches(callback: Callback) -> bool:
    """Whether a callback has a hook for batches.

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
