"""The fake CuPy's device memory: what a pool keeps, reuses, and leaks when it is merely dropped."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

#: Bytes, `pinned` those of the largest pinned buffer; and whether its events are still to come.
device = {"used": 0, "size": 1 << 40, "pinned": 0, "busy": 0}
_copies: list[Callable[[], None]] = []  # from pinned memory, which the device has yet to make
_current = threading.local()  # each thread's allocator and stream
_free: dict[int, dict[Any, list[Memory]]] = {}  # by pool and stream; no garbage collector sees it


class CUDARuntimeError(RuntimeError):
    """`cupy.cuda.runtime.CUDARuntimeError`."""


class Memory:
    """Bytes on the device until the object is gone."""

    def __init__(self, size: int) -> None:
        self.size = 0
        if device["used"] + size > device["size"]:
            raise CUDARuntimeError("cudaErrorMemoryAllocation: out of memory")
        self.size, self.bytes = size, np.empty(size, np.uint8)
        device["used"] += size

    def __del__(self) -> None:
        device["used"] -= self.size


class MemoryPointer:
    """The start of some memory; a pool gets it back when the object is gone."""

    def __init__(self, mem: Memory, offset: int, home: list[Memory] | None = None) -> None:
        assert offset == 0
        self.mem, self._home = mem, home

    def __del__(self) -> None:
        if self._home is not None:
            self._home.append(self.mem)


class MemoryPool:
    """Memory that is used again on the stream that it was freed on."""

    def __init__(self, allocator: Callable[[int], MemoryPointer]) -> None:
        self._allocator, self._number = allocator, len(_free)
        _free[self._number] = {}

    def malloc(self, size: int) -> MemoryPointer:
        home = _free[self._number].setdefault(getattr(_current, "stream", None), [])
        for index, memory in enumerate(home):
            if memory.size >= size:
                return MemoryPointer(home.pop(index), 0, home)
        return MemoryPointer(self._allocator(size).mem, 0, home)

    def set_limit(self, size: int) -> None:
        assert size == 0

    def free_all_blocks(self) -> None:
        for blocks in _free[self._number].values():
            blocks.clear()


@contextlib.contextmanager
def using_allocator(allocator: Callable[[int], MemoryPointer]) -> Iterator[None]:
    _current.allocator = allocator
    try:
        yield
    finally:
        _current.allocator = None


def alloc_pinned_memory(size: int) -> np.ndarray:
    device["pinned"] = max(device["pinned"], size)
    return np.empty(size, np.uint8)


def copy_later(source: np.ndarray, target: np.ndarray) -> None:
    """Copy from pinned memory when somebody waits for it, as late as a device may."""
    _copies.append(lambda: np.copyto(target, source))


def finish() -> None:
    """Wait for the device."""
    while _copies:
        _copies.pop(0)()


class Event:
    """Waits for more than it has to."""

    @property
    def done(self) -> bool:
        return not device["busy"]

    def synchronize(self) -> None:
        finish()


def use_stream(stream: Any) -> None:
    """Make a stream this thread's current one; None for the default one."""
    _current.stream = stream


def allocate(size: int) -> MemoryPointer | None:
    """Memory from this thread's allocator; None if that is CuPy's default pool."""
    allocator = getattr(_current, "allocator", None)
    return allocator(max(size, 1)) if allocator else None
