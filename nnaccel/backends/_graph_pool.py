"""Memory of captured graphs, and what a library does to capture one."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections.abc import Hashable
from contextlib import AbstractContextManager

from nnaccel.backends._backend import Step

_local = threading.local()  # the shared pools of each thread, by library and device


class GraphPool(ABC):
    """A memory pool that nothing but graphs allocates from, and the stream they are captured on.

    A graph uses what its step has freed again, so no block is given back while one lives. Graphs
    that run one after another may use the same blocks: together they hold what the largest needs.
    """

    def __init__(self) -> None:
        self._graphs, self._lock = 0, threading.RLock()  # graphs are dropped by any thread

    def enter(self) -> None:
        """Count a graph that is about to be captured."""
        with self._lock:
            self._graphs += 1
            if self._graphs == 1:
                self.free()  # what arrays had that outlived the last graph

    def leave(self) -> None:
        """Count a graph less, which no longer exists."""
        with self._lock:
            self._graphs -= 1
            if not self._graphs:
                self.free()

    @abstractmethod
    def free(self) -> None:
        """Give the memory back: no graph is left."""

    @property
    @abstractmethod
    def allocated(self) -> int:
        """Bytes allocated so far, those that were freed again included."""

    @abstractmethod
    def capturing(self) -> AbstractContextManager[None]:
        """Return a context in which this thread launches on the stream, and allocates from here."""

    @abstractmethod
    def begin(self) -> None:
        """Begin a graph."""

    @abstractmethod
    def end(self) -> Step:
        """End it, and return what launches it."""


class Graphs(ABC):
    """How a library captures launches as CUDA graphs."""

    @abstractmethod
    def device(self) -> Hashable:
        """Return the library's name and the current device."""

    @abstractmethod
    def new_pool(self) -> GraphPool:
        """Return a pool on the current device."""

    @abstractmethod
    def free_idle(self) -> None:
        """Give back the memory that arrays outside of graphs have left."""

    def warm_up(self, step: Step) -> None:
        """Run a step that may be captured later."""
        step()

    def lease(self) -> object:
        """Return what kernels called by this thread use, and a graph must hold on to."""
        return None

    def shared_pool(self) -> GraphPool:
        """Return this thread's pool on the current device."""
        pools: dict[Hashable, GraphPool] = _local.__dict__.setdefault("pools", {})
        device = self.device()
        if device not in pools:
            pools[device] = self.new_pool()
        return pools[device]
