"""CUDA graphs by CuPy."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Hashable, Iterator
from typing import Any

from nnaccel.backends._backend import Step
from nnaccel.backends._graph_pool import GraphPool, Graphs


class CupyGraphs(Graphs):
    """How CuPy captures.

    Parameters
    ----------
    cupy : module
    lease : callable
        As the method.
    """

    def __init__(self, cupy: Any, lease: Callable[[], object]) -> None:
        self._cupy, self._lease = cupy, lease

    def device(self) -> Hashable:
        return "cupy", self._cupy.cuda.runtime.getDevice()

    def new_pool(self) -> GraphPool:
        return CupyPool(self._cupy)

    def free_idle(self) -> None:
        self._cupy.get_default_memory_pool().free_all_blocks()

    def lease(self) -> object:
        return self._lease()


class CupyPool(GraphPool):
    """A memory pool of CuPy's.

    It would keep its free blocks for ever if it were merely dropped: a block and the list it is in
    hold each other. So the last graph that leaves frees them.

    Parameters
    ----------
    cupy : module
    """

    allocated = 0

    def __init__(self, cupy: Any) -> None:
        super().__init__()
        # One stream for all captures, since CuPy's pool keeps the free blocks of each apart.
        self._stream = cupy.cuda.Stream(non_blocking=True)
        self._device, self._pool = cupy.cuda.Device(), _pool(cupy)
        self._allocator = cupy.cuda.using_allocator

    @contextlib.contextmanager
    def capturing(self) -> Iterator[None]:
        with self._stream, self._allocator(self._malloc):
            yield

    def begin(self) -> None:
        self._stream.begin_capture()

    def end(self) -> Step:
        return self._stream.end_capture().launch  # type: ignore[no-any-return]

    def free(self) -> None:
        with self._device:
            self._pool.free_all_blocks()

    def _malloc(self, size: int) -> Any:
        """Allocate, as CuPy's allocators do; MemoryError if the device has no room."""
        self.allocated += size
        return self._pool.malloc(size)


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
