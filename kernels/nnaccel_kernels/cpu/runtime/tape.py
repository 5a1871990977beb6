"""The tape: launches and host rows in order, noted once and replayed any number of times.

Arrays on a tape are used in place: their contents may change between replays, their addresses may
not.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import chain
from typing import Any, Protocol

import numpy as np
from numba import config

from nnaccel_kernels.cpu.runtime.address import address_of
from nnaccel_kernels.cpu.runtime.autotune import Autotune
from nnaccel_kernels.cpu.runtime.machine import MAX_WORDS, WORDS_STEP
from nnaccel_kernels.cpu.runtime.thread_pool import Host, Table, thread_pool
from nnaccel_kernels.cpu.runtime.worker import COLUMNS, WORD

Argument = np.ndarray | int | tuple[int, ...]
local = threading.local()  # of each thread: the tape it records, the workspace of its launches


class Launchable(Protocol):
    """What a tape needs of a kernel."""

    name: str
    function: Callable[..., None]

    def address(self, args: tuple[Argument, ...]) -> int:
        """Return where the machine code for arguments like `args` begins."""


Launch = tuple[Launchable, tuple[Argument, ...], int]  # kernel, arguments, most threads


class Tape:
    """Launches and host rows in order, with the arrays that they work on.

    A host row is a Python function, called in its turn while the thread pool waits. Between two
    host rows launches form a table that the pool walks without Python.
    """

    def __init__(self) -> None:
        self.parts: list[list[Launch] | Host] = []
        self._tables: list[Table | Host] | None = None
        self._widest = 1  # launch: the most threads it is for
        self._is_warm = False
        self._autotune: Autotune | None = None
        self.scratch = np.empty(0, np.uint8)
        self.counters: np.ndarray | None = None
        self.kept: list[Any] | None = None  # what launches leave for later replays, if they may

    def append(self, kernel: Launchable, args: tuple[Argument, ...], width: int) -> None:
        """Add one launch."""
        if not (self.parts and isinstance(self.parts[-1], list)):
            self.parts.append([])
        self.parts[-1].append((kernel, args, max(1, width)))  # type: ignore[union-attr]
        self._widest = max(self._widest, width)
        self._tables = None

    def append_host(self, function: Host) -> None:
        """Add a host row."""
        self.parts.append(function)
        self._tables = None

    def replay(self, repeats: int = 1) -> None:
        """Run all rows in order, `repeats` times."""
        if self.counters is not None:
            self.counters[:] = 0  # a fork, or Ctrl-C without the JIT, may have left a half count
        if config.DISABLE_JIT:
            for _ in range(repeats):
                self._run_in_python()
            return
        if self._tables is None:
            self._tables = [p if callable(p) else build_table(p) for p in self.parts]
        pool = thread_pool()
        if not self._is_warm and repeats:
            # The first repeat wakes threads and faults pages in: it says nothing of the others.
            pool.run_once(self._tables, self._widest)
            self._is_warm, repeats = True, repeats - 1
        if repeats:
            self._autotune = self._autotune or Autotune(_is_prompt)
            pool.run(self._tables, self._widest, repeats, self._autotune)

    def _run_in_python(self) -> None:
        for part in self.parts:
            if callable(part):
                part()
                continue
            for kernel, args, width in part:
                for rank in range(width):
                    kernel.function(rank, width, *args)


def _is_prompt() -> bool:
    """Whether threads meet without delay in the pool of now: a fork, say, replaces the pool."""
    return thread_pool().is_prompt()


def build_table(launches: list[Launch]) -> Table:
    """A row for each launch, and behind all rows the words that they point to."""
    packed = [[word for arg in args for word in _pack(arg)] for _, args, _ in launches]
    table = np.zeros(COLUMNS * len(packed) + sum(map(len, packed)) + WORDS_STEP, np.int64)
    at = table.ctypes.data + COLUMNS * WORD * len(packed)
    rows: list[int] = []
    before = widest = 0  # width of the launch before; unknown at the start, so meet there
    for (kernel, args, width), words in zip(launches, packed, strict=True):
        if len(words) > MAX_WORDS:
            raise ValueError(
                f"the arguments of kernel {kernel.name} take {len(words)} words; a launch "
                f"hands over {MAX_WORDS} at most"
            )
        meet = not (before == 1 and width == 1)
        count = -(-len(words) // WORDS_STEP) * WORDS_STEP
        rows += kernel.address(args), at, count, width, meet
        at += WORD * len(words)
        before = width
        widest = max(widest, width)
    table[:-WORDS_STEP] = list(chain(rows, *packed))
    return Table(table, table.ctypes.data, len(launches), widest)


@contextmanager
def record() -> Iterator[Tape]:
    """Note this thread's kernel launches on a new tape instead of running them."""
    before = getattr(local, "tape", None)
    local.tape = Tape()
    try:
        yield local.tape
    finally:
        local.tape = before


def at_once(launch: Callable[..., None], *args: Any) -> None:
    """Run the launches of `launch(*args)` as one table at its end, so that threads wake once.

    What they write cannot be read before. Inside `record()` they are simply noted.
    """
    if recording():
        launch(*args)
        return
    tape = Tape()
    tape.scratch = getattr(local, "scratch", tape.scratch)
    tape.counters = getattr(local, "counters", None)
    try:
        local.tape = tape  # nothing before `try`: a Ctrl-C between would leave it set
        launch(*args)
    finally:
        local.tape = None
        local.scratch, local.counters = tape.scratch, tape.counters
    tape.replay()


def host(function: Host) -> None:
    """Call a Python function now, or note it as a host row of the tape being recorded."""
    if recording():
        local.tape.append_host(function)
    else:
        function()


def recording() -> bool:
    """Whether this thread's launches are being noted rather than run."""
    return getattr(local, "tape", None) is not None


def _pack(arg: Argument) -> tuple[int, ...]:
    """An argument as Numba's compiled code takes it: an array is seven or more words."""
    if isinstance(arg, tuple):
        return arg
    if not isinstance(arg, np.ndarray):
        return (int(arg),)
    if not arg.flags.c_contiguous:
        raise ValueError("kernels take C-contiguous arrays")
    return (0, 0, arg.size, arg.itemsize, address_of(arg), *arg.shape, *arg.strides)


def words_of(arg: Argument) -> int:
    """Number of words of a packed argument."""
    if isinstance(arg, tuple):
        return len(arg)
    return 5 + 2 * arg.ndim if isinstance(arg, np.ndarray) else 1
