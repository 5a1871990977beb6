"""Recycled buffers: memory of results that nobody holds any more, kept for the next ones.

Memory fresh from the system is faulted in page by page, which can take longer than what is computed
in it.
"""

from __future__ import annotations

import math
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from nnaccel_kernels.cpu.runtime.address import LINE, address_of, on_a_line

_DEFAULT_LIMIT = 256 << 20
_local = threading.local()  # of each thread: what `collect` collects


class Memory(np.ndarray):
    """Memory of a buffer; of its own type, so that NumPy takes a `Loan` for the base of arrays."""


class Buffer(NamedTuple):
    """Memory from a cache line on."""

    address: int
    size: int
    memory: Memory


class Loan(np.ndarray):
    """The memory under a result and its views; the buffer is free again when the last one dies."""

    buffer: Buffer | None = None  # a view of it has none

    def __del__(self) -> None:
        if self.buffer is not None and _store is not None:  # None at the end of the process
            _store.take_back(self.buffer)


class BufferStore:
    """Free buffers by size, at most `limit` bytes of them.

    Attributes
    ----------
    limit : int
        Bytes of free memory to keep; 0 to keep none.
    held : int
        Bytes of free memory.
    """

    def __init__(self, limit: int = _DEFAULT_LIMIT) -> None:
        self.limit, self.held = limit, 0
        self._free: dict[int, list[Buffer]] = {}
        self.unlock()

    def unlock(self) -> None:
        """Take a new lock, as after a fork: the thread that held the old one may be gone."""
        self._lock = threading.RLock()  # a result may die while another is made

    def lend(self, size: int) -> Loan:
        """Return memory for `size` bytes."""
        size = _rounded(size)
        with self._lock:
            free = self._free.get(size)
            buffer = free.pop() if free else None
            if buffer is not None:
                self.held -= size
        if buffer is None:
            memory = on_a_line(size).view(Memory)
            buffer = Buffer(address_of(memory), size, memory)
        loan = buffer.memory.view(Loan)
        loan.buffer = buffer
        return loan

    def take_back(self, buffer: Buffer) -> None:
        """Keep a buffer for the next result of its size, instead of the oldest ones if need be."""
        if buffer.size > self.limit:
            return
        with self._lock:
            while self.held + buffer.size > self.limit:
                size = next(iter(self._free))
                self.held -= size * len(self._free.pop(size))
            self._free.setdefault(buffer.size, []).append(buffer)
            self.held += buffer.size

    def clear(self) -> None:
        """Give all free memory back to the system."""
        with self._lock:
            self._free.clear()
            self.held = 0


@lru_cache(4096)
def _rounded(size: int) -> int:
    """Size in whole lines, or in eighths to sixteenths of itself, so that there are few sizes."""
    step = max(LINE, 1 << max(0, size.bit_length() - 4))
    return max(1, -(-size // step)) * step


_store = BufferStore()

if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_store.unlock)


def buffer_store() -> BufferStore:
    """The process's store of buffers."""
    return _store


def empty(shape: int | tuple[int, ...], dtype: Any) -> np.ndarray:
    """Return an uninitialised array, aligned to a cache line, in a recycled buffer."""
    dtype = np.dtype(dtype)
    count = shape if isinstance(shape, int) else math.prod(shape)
    loan = _store.lend(count * dtype.itemsize)
    made = np.ndarray(shape, dtype, loan)
    collected = getattr(_local, "collected", None)
    if collected is not None:
        collected.append(made)
    return made


@contextmanager
def collect() -> Iterator[list[np.ndarray]]:
    """Collect the arrays that this thread makes with `empty`."""
    before = getattr(_local, "collected", None)
    _local.collected = []
    try:
        yield _local.collected
    finally:
        _local.collected = before
