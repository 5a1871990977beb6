"""Ranks as threads of this process, for tests of what does not depend on MPI."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

from nnaccel.backends import Array, Backend, to_numpy


class Group:
    """A meeting place of `size` threads: each leaves something, and all take all of it."""

    def __init__(self, size: int, shards: int) -> None:
        self.size, self.shards = size, shards
        self._barrier = threading.Barrier(size)
        self._left: list[Any] = [None] * size

    def exchange(self, rank: int, thing: Any) -> list[Any]:
        self._left[rank] = thing
        self._barrier.wait(timeout=120)
        found = list(self._left)
        self._barrier.wait(timeout=120)
        return found

    def run(self, function: Callable[[Any], Any]) -> list[Any]:
        """Return the results of `function(comm)` on all ranks."""

        def on_rank(rank: int) -> Any:
            try:
                return function(ThreadCommunicator(self, rank))
            except BaseException:
                self._barrier.abort()
                raise

        with ThreadPoolExecutor(self.size) as pool:
            return list(pool.map(on_rank, range(self.size)))


class ThreadCommunicator:
    """A rank that is a thread."""

    def __init__(self, group: Group, rank: int) -> None:
        self._group, self.rank = group, rank
        self.size, self.shards = group.size, group.shards

    def all_reduce(self, backend: Backend, array: Array) -> None:
        backend.host(lambda: self._reduce(backend, array))

    def _reduce(self, backend: Backend, array: Array) -> None:
        parts = self._group.exchange(self.rank, to_numpy(array).copy())
        while len(parts) > 1 and len(parts) % 2 == 0:  # as a tree
            parts = [a + b for a, b in zip(parts[::2], parts[1::2], strict=True)]
        array[...] = backend.asarray(sum(parts[1:], parts[0]))

    def total(self, values: np.ndarray) -> np.ndarray:
        found: np.ndarray = np.sum(self._group.exchange(self.rank, values.copy()), axis=0)
        return found

    def gather(self, rows: np.ndarray) -> np.ndarray:
        return np.concatenate(self._group.exchange(self.rank, rows.copy()))

    def broadcast(self, data: bytes) -> bytes:
        sent: bytes = self._group.exchange(self.rank, data)[0]
        return sent

    def meet(self, count: int) -> int:
        return int(min(self._group.exchange(self.rank, count)))

    @contextlib.contextmanager
    def watch(self) -> Iterator[None]:
        yield
