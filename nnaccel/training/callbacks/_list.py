"""One callback in front of many."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack
from types import TracebackType
from typing import Any, Self

from nnaccel.training.callbacks._base import Callback, Logs, Model, wants_batches


class CallbackList:
    """Calls every callback in turn; as a context manager, it closes them whatever happens.

    Parameters
    ----------
    callbacks : iterable of Callback
        Called in this order, except that those that save the training come last.
    model : Sequential
        The model in training.
    params : dict
        See `Callback.params`.

    Attributes
    ----------
    wants_batches : bool
        Whether any of them has something to do at each batch.

    Raises
    ------
    TypeError
        If one is no Callback.
    """

    def __init__(self, callbacks: Iterable[Callback], model: Model, params: dict[str, Any]) -> None:
        callbacks = list(callbacks)
        for callback in callbacks:
            if not isinstance(callback, Callback):
                hint = " (did you forget the brackets?)" if isinstance(callback, type) else ""
                raise TypeError(f"{callback!r} is no Callback{hint}; derive it from that class")
            callback.set_model(model)
            callback.set_params(params)
        self.callbacks = sorted(callbacks, key=lambda callback: callback.saves_training)
        self._batchwise = [callback for callback in self.callbacks if wants_batches(callback)]
        self.wants_batches = bool(self._batchwise)

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
        with ExitStack() as stack:  # closes the others too where one fails
            for callback in self.callbacks:
                stack.callback(callback.close)

    def on_train_begin(self, logs: Logs) -> None:
        """Training begins."""
        for callback in self.callbacks:
            callback.on_train_begin(logs)

    def on_train_end(self, logs: Logs) -> None:
        """Training is over."""
        for callback in self.callbacks:
            callback.on_train_end(logs)

    def on_epoch_begin(self, epoch: int, logs: Logs) -> None:
        """Epoch `epoch` begins."""
        for callback in self.callbacks:
            callback.on_epoch_begin(epoch, logs)

    def on_epoch_end(self, epoch: int, logs: Logs) -> None:
        """Epoch `epoch` is over."""
        for callback in self.callbacks:
            callback.on_epoch_end(epoch, logs)

    def on_train_batch_begin(self, batch: int, logs: Logs) -> None:
        """Batch `batch` begins."""
        for callback in self._batchwise:
            callback.on_train_batch_begin(batch, logs)

    def on_train_batch_end(self, batch: int, logs: Logs) -> None:
        """Batch `batch` is over."""
        for callback in self._batchwise:
            callback.on_train_batch_end(batch, logs)

    def on_progress(self, batch: int, logs: Mapping[str, float]) -> None:
        """`batch` batches are done."""
        for callback in self.callbacks:
            callback.on_progress(batch, logs)

    def state(self) -> dict[str, dict[str, Any]]:
        """Return the states of those that have one, by class name and, if needed, number."""
        states = ((name, callback.state()) for name, callback in self._named())
        return {name: state for name, state in states if state}

    def load_state(self, states: dict[str, dict[str, Any]]) -> None:
        """Give each callback its state back, after `on_train_begin`; new ones begin anew."""
        for name, callback in self._named():
            if name in states:
                callback.load_state(states[name])

    def _named(self) -> Iterator[tuple[str, Callback]]:
        """Each callback with a name of its own: 'CSVLogger', 'CSVLogger-2'."""
        count: dict[str, int] = {}
        for callback in self.callbacks:
            name = type(callback).__name__
            count[name] = count.get(name, 0) + 1
            yield (f"{name}-{count[name]}" if count[name] > 1 else name), callback
