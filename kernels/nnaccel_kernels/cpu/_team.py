"""Runs tables of kernels on a team of threads that stays together from one table to the next."""

from __future__ import annotations

import ctypes
import os
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from nnaccel_kernels.cpu import _crew
from nnaccel_kernels.cpu._crew import WIDTH
from nnaccel_kernels.cpu._pace import Pace


def _give_way_address() -> int:
    """Address of the C function that offers the processor to another thread."""
    if sys.platform == "win32":
        function = ctypes.windll.kernel32.SwitchToThread
    else:
        function = ctypes.CDLL(None).sched_yield
    return ctypes.cast(function, ctypes.c_void_p).value or 0


class Team:
    """Threads that run tables together; whoever finds it busy runs its table alone."""

    def __init__(self, size: int) -> None:
        self.size = size
        self._busy = threading.Lock()
        self._pool: ThreadPoolExecutor | None = None
        self._give_way = _give_way_address()
        self._mailboxes = np.zeros((size - 1, _crew.MAILBOX), np.int64)
        self._barrier = np.zeros(_crew.MAILBOX, np.int64)  # a line of its own

    def run(self, table: np.ndarray, repeats: int, pace: Pace) -> None:
        """Execute `table` `repeats` times, with as many threads as its widest kernel wants."""
        size = min(self.size, int(table[:, WIDTH].max(initial=1)))
        if size == 1 or not self._busy.acquire(blocking=False):
            self._run_alone(table, repeats)
            return
        try:
            for together, count in pace.plan(repeats):
                start = time.perf_counter()
                if together:
                    self._run_together(table, count, size)
                else:
                    self._run_alone(table, count)
                pace.note(together, count, time.perf_counter() - start)
        finally:
            self._busy.release()

    def _run_alone(self, table: np.ndarray, repeats: int) -> None:
        _crew.run(table.ctypes.data, len(table), repeats, 0, 1, 0, self._give_way)

    def _run_together(self, table: np.ndarray, repeats: int, size: int) -> None:
        boxes = self._mailboxes[: size - 1]
        self._wake(boxes)
        _crew.lead(
            table.ctypes.data,
            len(table),
            repeats,
            boxes.ctypes.data,
            len(boxes),
            self._barrier.ctypes.data,
            self._give_way,
        )

    def _wake(self, boxes: np.ndarray) -> None:
        """Have all mailboxes watched, or as many as there are threads to be had for."""
        called = []
        for number in np.flatnonzero(boxes[:, _crew.STATE] == _crew.ASLEEP):
            box, before = boxes[number], int(boxes[number, _crew.WOKEN])
            if self._pool is None:
                self._pool = ThreadPoolExecutor(self.size - 1, thread_name_prefix="nnaccel")
            try:
                self._pool.submit(_serve, box, self._give_way)
            except RuntimeError:  # Python is shutting down, or can start no more threads
                break
            called.append((box.ctypes.data, before))
        for address, before in called:
            _crew.await_waking(address, before, self._give_way)


def _serve(box: np.ndarray, give_way: int) -> None:
    """Serve a mailbox, which has to outlive its team until the thread falls asleep."""
    _crew.serve(box.ctypes.data, give_way)


_team = Team(os.cpu_count() or 1)


def team() -> Team:
    """The process's team."""
    return _team


def set_num_threads(count: int) -> None:
    """Replace the team by one of `count` threads."""
    global _team
    if count != _team.size:
        _team = Team(count)


def _start_afresh() -> None:
    """Threads do not survive a fork: give the child a team of its own."""
    global _team
    _team = Team(_team.size)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_start_afresh)
