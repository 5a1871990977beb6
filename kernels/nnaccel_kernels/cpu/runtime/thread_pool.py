"""Runs tables of kernels on a pool of threads that stays together from one table to the next."""

from __future__ import annotations

import ctypes
import os
import sys
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np
from numba import types

from nnaccel_kernels.cpu.runtime import worker
from nnaccel_kernels.cpu.runtime.autotune import Autotune


def _give_way_address() -> int:
    """Address of the C function that offers the processor to another thread."""
    if sys.platform == "win32":
        function = ctypes.windll.kernel32.SwitchToThread
    else:
        function = ctypes.CDLL(None).sched_yield
    return ctypes.cast(function, ctypes.c_void_p).value or 0


Host = Callable[[], None]  # Python that runs between two tables


class Table(NamedTuple):
    """Rows for `worker.run`, and the most threads that any of them is for."""

    memory: np.ndarray
    address: int
    rows: int
    width: int


class ThreadPool:
    """Threads that run tables together; whoever finds it busy runs its table alone."""

    def __init__(self, size: int) -> None:
        self.size = size
        self._busy = threading.Lock()
        self._pool: ThreadPoolExecutor | None = None
        self._give_way = _give_way_address()
        self._mailboxes = np.zeros((size - 1, worker.MAILBOX), np.int64)
        self._barrier = np.zeros(worker.MAILBOX, np.int64)  # a line of its own
        self._addresses = self._mailboxes.ctypes.data, self._barrier.ctypes.data

    def run(self, parts: Sequence[Table | Host], repeats: int, autotune: Autotune) -> None:
        """Execute tables and host rows in order, `repeats` times."""
        size = min(self.size, max((p.width for p in parts if isinstance(p, Table)), default=1))
        if size == 1:
            self._run_parts(parts, repeats, 1)
            return
        for together, count in autotune.plan(repeats):
            start = time.perf_counter()
            if self._run_parts(parts, count, size if together else 1):
                autotune.note(together, count, time.perf_counter() - start)

    def _run_parts(self, parts: Sequence[Table | Host], repeats: int, size: int) -> bool:
        """Run on up to `size` threads; False if the pool was busy, so that there was but one."""
        if len(parts) == 1 and isinstance(parts[0], Table):
            return self._execute(parts[0], repeats, size)
        as_wanted = True
        for _ in range(repeats):
            for part in parts:
                if isinstance(part, Table):
                    as_wanted &= self._execute(part, 1, min(size, part.width))
                else:
                    part()
        return as_wanted

    def _execute(self, table: Table, repeats: int, size: int) -> bool:
        """Run a table `repeats` times; False if the pool was busy, so that one thread ran it."""
        if size == 1 or not self._busy.acquire(blocking=False):
            self._run_alone(table.address, table.rows, repeats)
            return size == 1
        try:
            self._run_together(table.address, table.rows, repeats, size)
        finally:
            self._busy.release()
        return True

    def _run_alone(self, table: int, rows: int, repeats: int) -> None:
        worker.run(table, rows, repeats, 0, 1, 0, self._give_way)

    def _run_together(self, table: int, rows: int, repeats: int, size: int) -> None:
        self._wake(size - 1)
        mailboxes, barrier = self._addresses
        worker.lead(table, rows, repeats, mailboxes, size - 1, barrier, self._give_way)

    def _wake(self, count: int) -> None:
        """Have the first `count` mailboxes watched, or as many as there are threads for."""
        called = []
        for number, state in enumerate(self._mailboxes[:count, worker.STATE].tolist()):
            if state != worker.ASLEEP:
                continue
            box = self._mailboxes[number]
            before = int(box[worker.WOKEN])
            if self._pool is None:
                worker.serve.compile((types.int64, types.int64))
                self._pool = ThreadPoolExecutor(self.size - 1, thread_name_prefix="nnaccel")
            try:
                self._pool.submit(_serve, box, self._give_way)
            except RuntimeError:  # Python is shutting down, or can start no more threads
                break
            called.append((box.ctypes.data, before))
        for address, before in called:
            worker.await_waking(address, before, self._give_way)


def _serve(box: np.ndarray, give_way: int) -> None:
    """Serve a mailbox, which has to outlive its pool until the thread falls asleep."""
    worker.serve(box.ctypes.data, give_way)


_pool = ThreadPool(os.cpu_count() or 1)


def thread_pool() -> ThreadPool:
    """The process's thread pool."""
    return _pool


def set_num_threads(count: int) -> None:
    """Replace the pool by one of `count` threads."""
    global _pool
    if count != _pool.size:
        _pool = ThreadPool(count)


def _start_afresh() -> None:
    """Threads do not survive a fork: give the child a pool of its own."""
    global _pool
    _pool = ThreadPool(_pool.size)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_start_afresh)
