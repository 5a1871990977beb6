"""The list of a training's callbacks."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack
from types import TracebackType
from typing import Any, Self

from nnaccel.training.callbacks._base import Callback, Logs, Model, wants_batches


class CallbackList:
    """Calls every callback in turn; a context manager that closes all of them.

    Parameters
    ----------
    callbacks : iterable of Callback
        Called in this order; those with `saves_training` come last.
    model : Sequential
        The model in training.
    params : dict
        See `Callback.params`.
    rank : int, default 0
        Number of this process; on others than 0, those with `first_rank_only` are left out.

    Attributes
    ----------
    wants_batches : bool
        Whether any of them has a hook for batches.

    Raises
    ------
    TypeError
        If one is no Callback.
    """

    def __init__(
        self, callbacks: Iterable[Callback], model: Model, params: dict[str, Any], rank: int = 0
    ) -> None:
        callbacks = list(callbacks)
        for callback in callbacks:
            if not isinstance(callback, Callback):
                hint = " (did you forget the brackets?)" if isinstance(callback, type) else ""
                raise TypeError(f"{callback!r} is no Callback{hint}; derive it from that class")
            callback.set_model(model)
            callback.set_params(params)
        self.wants_batches = any(map(wants_batches, callbacks))  # the same on all ranks
        here = [callback for callback in callbacks if not (rank and callback.first_rank_only)]
        self.callbacks = sorted(here, key=lambda callback: callback.saves_training)
        self._batchwise = [callback for callback in self.callbacks if wants_batches(callback)]

    def __iter__(self) -> Iterator[Callback]:
        return iter(self.callbacks)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        with ExitStack() as stack:  # closes the others even if one fails
            for callback in self.callbacks:
                stack.callback(callback.close)

    def on_train_begin(self, logs: Logs) -> None:
        """As `Callback.on_train_begin`."""
        for callback in self.callbacks:
            callback.on_train_begin(logs)

    def on_train_end(self, logs: Logs) -> None:
        """As `Callback.on_train_end`."""
        for callback in self.callbacks:
            callback.on_train_end(logs)

    def on_epoch_begin(self, epoch: int, logs: Logs) -> None:
        """As `Callback.on_epoch_begin`."""
        for callback in self.callbacks:
            callback.on_epoch_begin(epoch, logs)

    def on_epoch_end(self, epoch: int, logs: Logs) -> None:
        """As `Callback.on_epoch_end`."""
        for callback in self.callbacks:
            callback.on_epoch_end(epoch, logs)

    def on_train_batch_begin(self, batch: int, logs: Logs) -> None:
        """As `Callback.on_train_batch_begin`."""
        for callback in self._batchwise:
            callback.on_train_batch_begin(batch, logs)

    def on_train_batch_end(self, batch: int, logs: Logs) -> None:
        """As `Callback.on_train_batch_end`."""
        for callback in self._batchwise:
            callback.on_train_batch_end(batch, logs)

    def on_progress(self, batch: int, logs: Mapping[str, float]) -> None:
        """As `Callback.on_progress`."""
        for callback in self.callbacks:
            callback.on_progress(batch, logs)

    def state(self) -> dict[str, dict[str, Any]]:
        """Return the callbacks' states that are not empty, by name."""
        states = ((name, callback.state()) for name, callback in self._named())
        return {name: state for name, state in states if state}

    def load_state(self, states: dict[str, dict[str, Any]]) -> None:
        """Restore the states of callbacks, after `on_train_begin`; new callbacks have none."""
        for name, callback in self._named():
            if name in states:
                callback.load_state(states[name])

    def _named(self) -> Iterator[tuple[str, Callback]]:
        """Each callback with a unique name: 'CSVLogger', 'CSVLogger-2'."""
        count: dict[str, int] = {}
        for callback in self.callbacks:
            name = type(callback).__name__
            count[name] = count.get(name, 0) + 1
            yield (f"{name}-{count[name]}" if count[name] > 1 else name), callback
