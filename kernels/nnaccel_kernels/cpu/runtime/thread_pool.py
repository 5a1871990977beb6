"""The thread pool: runs tables of kernels on threads that outlive a table."""

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
from nnaccel_kernels.cpu.runtime.placement import Placement


def _yield_address() -> int:
    """Address of the C function that gives the processor to another thread."""
    if sys.platform == "win32":
        function = ctypes.windll.kernel32.SwitchToThread
    else:
        function = ctypes.CDLL(None).sched_yield
    return ctypes.cast(function, ctypes.c_void_p).value or 0


_MEETINGS = 8
_PROMPT_SECONDS = 0.001  # in which threads meet on a quiet machine, and mostly wake up before
#: Seconds until the next look, and how many times as long as the last one took.
_LOOK_AFTER, _LOOK_EVERY = 0.1, 30

Host = Callable[[], None]  # Python that runs between two tables


class Table(NamedTuple):
    """Rows for `worker.run`, and the widest launch among them."""

    memory: np.ndarray
    address: int
    rows: int
    width: int


def _meetings(size: int) -> Table:
    """A table of rows without work, at which the threads meet."""
    memory = np.zeros((_MEETINGS, worker.COLUMNS), np.int64)
    memory[:, worker.HAS_BARRIER] = 1
    return Table(memory, memory.ctypes.data, _MEETINGS, size)


class ThreadPool:
    """Threads that run tables together; a caller that finds it busy runs its table alone."""

    def __init__(self, size: int) -> None:
        self.size = size
        self._busy = threading.Lock()
        self._pool: ThreadPoolExecutor | None = None
        self._yield_address = _yield_address()
        self._mailboxes = np.zeros((size - 1, worker.MAILBOX), np.int64)
        self._barrier = np.zeros(worker.MAILBOX, np.int64)  # a cache line of its own
        self._addresses = self._mailboxes.ctypes.data, self._barrier.ctypes.data
        self._meetings = _meetings(size)
        self._was_prompt, self._next_look = True, 0.0

    def is_prompt(self) -> bool:
        """Whether the threads meet without delay, as far as is known from a moment ago.

        Where other programs take the processors, each barrier of a table can last milliseconds.
        """
        now = time.perf_counter()
        if self.size > 1 and now >= self._next_look:
            self._was_prompt = self._meets_promptly() or self._meets_promptly()
            self._next_look = now + _LOOK_EVERY * (time.perf_counter() - now) + _LOOK_AFTER
        return self._was_prompt

    def _meets_promptly(self) -> bool:
        """Whether the threads meet without delay now, or did when last seen, if others use them.

        A first meeting is late if they slept deeply; the second tells whether that was all.
        """
        begin = time.perf_counter()
        if not self._execute(self._meetings, 1, self.size):
            return self._was_prompt
        return time.perf_counter() - begin < _PROMPT_SECONDS

    def run_table(self, table: Table) -> None:
        """Execute a table, on up to as many threads as its widest launch."""
        if self.size == 1 or table.width <= 1 or not self.is_prompt():
            self._run_alone(table.address, table.rows, 1)
        else:
            self._execute(table, 1, min(self.size, table.width))

    def run_once(self, parts: Sequence[Table | Host], width: int) -> None:
        """Execute tables and host rows in order, on up to `width` threads."""
        size = min(self.size, width) if width > 1 and self.is_prompt() else 1
        self._run_parts(parts, 1, size)

    def run(
        self, parts: Sequence[Table | Host], width: int, repeats: int, autotune: Autotune
    ) -> None:
        """Execute tables and host rows in order, `repeats` times, on one or `width` threads."""
        size = min(self.size, width)
        if size == 1:
            self._run_parts(parts, repeats, 1)
            return
        for together, count in autotune.schedule(repeats):
            start = time.perf_counter()
            if self._run_parts(parts, count, size if together else 1):
                autotune.note(together, count, time.perf_counter() - start)

    def _run_parts(self, parts: Sequence[Table | Host], repeats: int, size: int) -> bool:
        """Run on up to `size` threads; False if the pool was busy and one thread ran a table."""
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
        """Run a table `repeats` times; False if the pool was busy and one thread ran it."""
        if size == 1 or not self._busy.acquire(blocking=False):
            self._run_alone(table.address, table.rows, repeats)
            return size == 1
        try:
            self._run_together(table.address, table.rows, repeats, size)
        finally:
            self._busy.release()
        return True

    def _run_alone(self, table: int, rows: int, repeats: int) -> None:
        worker.run(table, rows, repeats, 0, 1, 0, self._yield_address)

    def _run_together(self, table: int, rows: int, repeats: int, size: int) -> None:
        self._wake(size - 1)
        mailboxes, barrier = self._addresses
        worker.run_together(table, rows, repeats, mailboxes, size - 1, barrier, self._yield_address)

    def _wake(self, count: int) -> None:
        """Wake the workers of the first `count` mailboxes, as far as threads can be started."""
        woken, placement = [], None
        for number, state in enumerate(self._mailboxes[:count, worker.STATE].tolist()):
            if state != worker.ASLEEP:
                continue
            box = self._mailboxes[number]
            before = int(box[worker.WAKEUPS])
            placement = placement or Placement()
            if self._pool is None:
                worker.serve.compile((types.int64, types.int64))
                self._pool = ThreadPoolExecutor(self.size - 1, thread_name_prefix="nnaccel")
            try:
                self._pool.submit(_serve, box, self._yield_address, placement)
            except RuntimeError:  # Python shuts down, or can start no more threads
                break
            woken.append((box.ctypes.data, before))
        for address, before in woken:
            worker.await_wakeup(address, before, self._yield_address)


def _serve(box: np.ndarray, yield_address: int, placement: Placement) -> None:
    """Serve a mailbox, kept alive here until the worker sleeps: its pool may be gone before."""
    placement.take()
    worker.serve(box.ctypes.data, yield_address)


_pool = ThreadPool(os.cpu_count() or 1)


def thread_pool() -> ThreadPool:
    """The process's thread pool."""
    return _pool


def set_num_threads(count: int) -> None:
    """Replace the pool with one of `count` threads."""
    global _pool
    if count != _pool.size:
        _pool = ThreadPool(count)


def _replace_after_fork() -> None:
    """Give a forked child a pool of its own: threads do not survive a fork."""
    global _pool
    _pool = ThreadPool(_pool.size)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_replace_after_fork)
