"""Runs a table of kernels on a team of threads that meet at a barrier between kernels.

The threads execute the whole table side by side (the SPMD style of MPI), each doing its share of
every kernel, so a step of training costs no thread start and no trip through Python. A barrier is
one atomic counter that everybody raises and then watches [1]_.

.. [1] J. M. Mellor-Crummey and M. L. Scott, "Algorithms for scalable synchronization on
   shared-memory multiprocessors", ACM TOCS 9(1), 1991.
"""

from __future__ import annotations

import ctypes
import math
import os
import sys
import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor, wait

import numpy as np
from numba import njit

from nnaccel_kernels.cpu._machine import atomic_add, atomic_load, call_kernel, call_plain, pause

# Columns of a table row.
ADDRESS, WORDS, COUNT, WIDTH, MEET = range(5)
_SPINS_BEFORE_YIELD = 200
_TRIAL_EVERY = 10  # runs of a table
_TRIAL_SHARE = 8  # of a run, at most, is spent on trying the other way
_TIMED_SECONDS = 0.002  # a shorter time says more about starting threads than about the table
_LINE = 16  # int64s: keeps the counter and the abort flag on cache lines of their own


@njit(nogil=True, cache=True)
def _meet(counter, abort, target, give_way):  # type: ignore[no-untyped-def]
    """Wait until `counter` reaches `target`; False when the team was told to stop."""
    atomic_add(counter, 1)
    spins = 0
    while atomic_load(counter) < target:
        if atomic_load(abort) != 0:
            return False
        spins += 1
        if spins % _SPINS_BEFORE_YIELD == 0:
            call_plain(give_way)
        else:
            pause()
    return True


@njit(nogil=True, cache=True)
def _run(table, repeats, rank, size, signals, give_way):  # type: ignore[no-untyped-def]
    """Execute the share of `rank` in all kernels of `table`, `repeats` times over."""
    counter, abort = signals.ctypes.data, signals.ctypes.data + 8 * _LINE
    target = 0
    for _ in range(repeats):
        for row in range(table.shape[0]):
            if size > 1 and table[row, MEET] != 0:
                target += size
                if not _meet(counter, abort, target, give_way):
                    return
            width = min(size, table[row, WIDTH])
            if rank < width:
                call_kernel(table[row, ADDRESS], table[row, WORDS], table[row, COUNT], rank, width)


def _give_way_address() -> int:
    """Address of the C function that offers the processor to another thread."""
    if sys.platform == "win32":
        function = ctypes.windll.kernel32.SwitchToThread
    else:
        function = ctypes.CDLL(None).sched_yield
    return ctypes.cast(function, ctypes.c_void_p).value or 0


class Pace:
    """Finds out, table by table, whether a team is faster than one thread just now.

    On a machine that others use too, threads that wait for one another can be slower than one
    alone. Results do not depend on the choice, so it is made by the clock: every so often a small
    share of the repeats runs the other way, and the faster way is kept.
    """

    def __init__(self) -> None:
        self._seconds = {True: 0.0, False: 0.0}  # of one repeat; 0 until known
        self._runs = 0

    def plan(self, repeats: int) -> list[tuple[bool, int]]:
        """Return how many repeats to run together (True) and alone (False), in this order."""
        self._runs += 1
        alone = self._seconds[False]
        together = not alone or self._seconds[True] <= alone
        if not self._seconds[True] or (alone and self._runs % _TRIAL_EVERY):
            return [(together, repeats)]
        trial = math.ceil(_TIMED_SECONDS / self._seconds[together])
        if repeats < _TRIAL_SHARE * trial:
            return [(together, repeats)]
        return [(not together, trial), (together, repeats - trial)]

    def note(self, together: bool, repeats: int, seconds: float) -> None:
        """Remember how long some repeats took, the last ones above all."""
        if seconds >= _TIMED_SECONDS:
            known = self._seconds[together]
            latest = seconds / repeats
            self._seconds[together] = (known + latest) / 2 if known else latest


class Team:
    """Threads that run tables together; whoever finds it busy runs its table alone."""

    def __init__(self, size: int) -> None:
        self.size = size
        self._busy = threading.Lock()
        self._pool: ThreadPoolExecutor | None = None
        self._give_way = _give_way_address()

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
        _run(table, repeats, 0, 1, np.zeros(2 * _LINE, np.int64), self._give_way)

    def _run_together(self, table: np.ndarray, repeats: int, size: int) -> None:
        if self._pool is None:
            self._pool = ThreadPoolExecutor(self.size - 1, thread_name_prefix="nnaccel")
        signals = np.zeros(2 * _LINE, np.int64)
        others: list[Future[None]] = []
        try:
            for rank in range(1, size):
                others.append(
                    self._pool.submit(_run, table, repeats, rank, size, signals, self._give_way)
                )
            _run(table, repeats, 0, size, signals, self._give_way)
        except BaseException:
            signals[_LINE] = 1  # Ctrl-C before our own share began: let the others go home
            raise
        finally:
            _wait_for_all(others)


def _wait_for_all(others: list[Future[None]]) -> None:
    """Wait, through a Ctrl-C too: the arrays must outlive whoever still works on them."""
    try:
        wait(others)
    except KeyboardInterrupt:
        wait(others)
        raise


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
