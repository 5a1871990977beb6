"""Device memory of captured graphs."""

from __future__ import annotations

import threading
from typing import Any

_local = threading.local()  # the shared pools of each thread, by device


class GraphPool:
    """A memory pool that nothing but graphs allocates from, and the stream they are captured on.

    A graph uses what its step has freed again, so no block is given back while one lives. Graphs
    that run one after another may use the same blocks: together they hold what the largest needs.

    CuPy's pool would keep its free blocks for ever if it were merely dropped: a block and the list
    it is in hold each other. So the last graph that leaves frees them.

    Parameters
    ----------
    cupy : module

    Attributes
    ----------
    stream : cupy.cuda.Stream
        One for all captures, since CuPy's pool keeps the free blocks of each stream apart.
    """

    def __init__(self, cupy: Any) -> None:
        self.stream = cupy.cuda.Stream(non_blocking=True)
        self._device, self._pool = cupy.cuda.Device(), _pool(cupy)
        self._graphs, self._lock = 0, threading.RLock()  # graphs are dropped by any thread

    def malloc(self, size: int) -> Any:
        """Allocate, as CuPy's allocators do; MemoryError if the device has no room."""
        return self._pool.malloc(size)

    def enter(self) -> None:
        """Count a graph that is about to be captured."""
        with self._lock:
            self._graphs += 1
            if self._graphs == 1:
                self._free()  # what arrays had that outlived the last graph

    def leave(self) -> None:
        """Count a graph less, which no longer exists."""
        with self._lock:
            self._graphs -= 1
            if not self._graphs:
                self._free()

    def _free(self) -> None:
        with self._device:
            self._pool.free_all_blocks()


def shared_pool(cupy: Any) -> GraphPool:
    """Return this thread's pool on the current device."""
    pools: dict[int, GraphPool] = _local.__dict__.setdefault("pools", {})
    device = cupy.cuda.runtime.getDevice()
    if device not in pools:
        pools[device] = GraphPool(cupy)
    return pools[device]


def _pool(cupy: Any) -> Any:
    """A memory pool that raises as soon as the device is out of memory.

    CuPy's own would first release its free blocks, which a graph may already use.
    """

    def allocate(size: int) -> Any:
        try:
            return cupy.cuda.MemoryPointer(cupy.cuda.Memory(size), 0)
        except cupy.cuda.runtime.CUDARuntimeError as error:
            raise MemoryError(str(error)) from error

    pool = cupy.cuda.MemoryPool(allocate)
    pool.set_limit(size=0)
    return pool
