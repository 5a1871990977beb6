"""Batches that a thread fetches ahead of the training step."""

from __future__ import annotations

import contextvars
import threading
from collections.abc import Iterator
from queue import SimpleQueue
from typing import Any

_END = object()
_PATIENCE = 1.0  # seconds that an interrupted training waits for a batch under way
_local = threading.local()  # `fetches`: whether this thread is one that fetches


class _Failure:
    """An exception of the iterator, on its way to the training."""

    def __init__(self, error: BaseException) -> None:
        self.error = error


def prefetched(batches: Iterator[Any], ahead: int) -> Iterator[Any]:
    """Yield the same batches in the same order, while a thread fetches the next ones.

    The thread has each batch copied before it asks for the next, since an iterator may fill the
    same arrays again. It ends with this generator; an exception of the iterator is raised here.

    Parameters
    ----------
    batches : iterator
        Runs in the thread, in a copy of this thread's context.
    ahead : int
        Batches that wait at most; 0 for no thread.
    """
    if not ahead:
        yield from batches
        return
    room, fetched = threading.Semaphore(ahead), SimpleQueue[Any]()
    is_over = threading.Event()

    def fetch() -> None:
        _local.fetches = True
        try:
            while room.acquire() and not is_over.is_set():
                batch = next(batches, _END)
                fetched.put(_copied(batch))
                if batch is _END:
                    return
        except BaseException as error:  # Ctrl-C comes to the main thread, but an iterator may raise
            fetched.put(_Failure(error))

    run = contextvars.copy_context().run
    thread = threading.Thread(target=run, args=(fetch,), name="nnaccel-prefetch", daemon=True)
    thread.start()
    try:
        while (batch := fetched.get()) is not _END:
            if isinstance(batch, _Failure):
                raise batch.error
            room.release()
            yield batch
    finally:
        is_over.set()
        room.release()
        thread.join(_PATIENCE)


def refuse_in_prefetch(is_in_training: bool) -> None:
    """Raise an error if a model under training is used by the thread that fetches its batches."""
    if is_in_training and getattr(_local, "fetches", False):
        raise RuntimeError(
            "the iterable of batches uses the model that it trains, while a thread fetches batches "
            "ahead of the steps. To fix: give fit prefetch=0"
        )


def _copied(batch: Any) -> Any:
    """Return a batch with arrays of its own."""
    if isinstance(batch, list):
        return list(map(_copy, batch))
    return tuple(map(_copy, batch)) if isinstance(batch, tuple) else batch


def _copy(array: Any) -> Any:
    if isinstance(array, tuple | list) and array and hasattr(array[0], "dtype"):  # several inputs
        return type(array)(map(_copy, array))
    copy = getattr(array, "clone", None) or getattr(array, "copy", None)  # PyTorch's has no copy
    return copy() if callable(copy) else array
