"""Kernels, and the tape that records their launches for replay.

A kernel is a plain loop nest `f(rank, size, *arrays_and_integers)`: thread `rank` of `size` does
its share and writes only its own part of the output, so that no result depends on how many threads
there are. Calling the kernel runs it at once, or, inside `record()`, notes the call on a tape that
can be replayed any number of times at a few nanoseconds a call. Arrays on a tape are used in place:
their contents may change between replays, their addresses may not.
"""

from __future__ import annotations

import ctypes
import functools
import logging
import math
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import chain
from typing import Any

import numpy as np
from numba import config, from_dtype, njit, types

import nnaccel_kernels
from nnaccel_kernels.cpu.runtime.autotune import Autotune
from nnaccel_kernels.cpu.runtime.linked import link_all
from nnaccel_kernels.cpu.runtime.machine import MAX_WORDS, atomic_add
from nnaccel_kernels.cpu.runtime.simd import SCALARS
from nnaccel_kernels.cpu.runtime.thread_pool import thread_pool
from nnaccel_kernels.cpu.runtime.worker import COLUMNS, WORD

_LINE = 16  # elements: a cache line of float32
_LINE_BYTES = 64
Argument = np.ndarray | int | tuple[int, ...]
_local = threading.local()
_log = logging.getLogger("nnaccel")


class Kernel:
    """A loop nest compiled once for each combination of argument types, and cached on disk."""

    def __init__(self, function: Callable[..., None]) -> None:
        self.name = function.__name__.strip("_")
        self.function = function
        self._dispatcher = njit(
            nogil=True, cache=True, error_model="numpy", no_cpython_wrapper=True
        )(function)
        self._addresses: dict[tuple[Any, ...], int] = {}

    def __call__(self, *args: Argument, width: int = 1) -> None:
        """Run on up to `width` threads now, or note the launch on the tape being recorded."""
        tape = getattr(_local, "tape", None)
        if tape is not None:
            tape.append(self, args, width)
            return
        tape = Tape()
        tape.append(self, args, width)
        tape.replay()

    def address(self, args: tuple[Argument, ...]) -> int:
        """Where the machine code for arguments like `args` begins, compiled if it has to be."""
        key = tuple((a.dtype.char, a.ndim) if isinstance(a, np.ndarray) else type(a) for a in args)
        if key not in self._addresses:
            self._addresses[key] = self._compile(args)
        return self._addresses[key]

    def _compile(self, args: tuple[Argument, ...]) -> int:
        """Compile for arguments like `args`, or load from the cache, and return the address."""
        signature = (types.int64, types.int64, *map(_numba_type, args))
        for kind in {kind.dtype for kind in signature if isinstance(kind, types.Array)}:
            if kind in SCALARS:
                link_all(kind)
        start = time.perf_counter()
        self._dispatcher.compile(signature)
        if self._dispatcher.stats.cache_misses.get(signature):
            _tell_once()
            _log.debug("compiled %s in %.1f s", self.name, time.perf_counter() - start)
            if nnaccel_kernels.on_compiled is not None:
                nnaccel_kernels.on_compiled(self.name)
        compiled = self._dispatcher.overloads[signature]
        address: int = compiled.library.get_pointer_to_function(compiled.fndesc.llvm_func_name)
        return address


kernel = Kernel


@functools.cache
def _tell_once() -> None:
    """Say, at the first kernel, what the first training on a machine spends its time with."""
    _log.info("compiling kernels: once, then they are kept on disk")


class Tape:
    """Launches in order, each with the addresses of its arrays; keeps those arrays alive."""

    def __init__(self) -> None:
        self._launches: list[tuple[Kernel, tuple[Argument, ...], int]] = []
        self._table: np.ndarray | None = None
        self._widest = 1
        self._pace = Autotune()
        self.scratch = np.empty(0, np.uint8)
        self.counters: np.ndarray | None = None

    def append(self, kernel: Kernel, args: tuple[Argument, ...], width: int) -> None:
        """Add one launch."""
        self._launches.append((kernel, args, max(1, width)))
        self._widest = max(self._widest, width)
        self._table = None

    def replay(self, repeats: int = 1) -> None:
        """Run all launches in order, `repeats` times."""
        if self.counters is not None:
            self.counters[:] = 0  # a fork, or Ctrl-C without the JIT, may have left a half count
        if config.DISABLE_JIT:
            for _ in range(repeats):
                for kernel, args, width in self._launches:
                    for rank in range(width):
                        kernel.function(rank, width, *args)
            return
        if self._table is None:
            self._table = self._build_table()
        if self._launches:
            address = self._table.ctypes.data
            thread_pool().run(address, len(self._launches), self._widest, repeats, self._pace)

    def _build_table(self) -> np.ndarray:
        """A row for each launch, and behind all rows the words that they point to."""
        packed = [[word for arg in args for word in _pack(arg)] for _, args, _ in self._launches]
        table = np.empty(COLUMNS * len(packed) + sum(map(len, packed)), np.int64)
        at = table.ctypes.data + COLUMNS * WORD * len(packed)
        rows: list[int] = []
        before = 0  # width of the launch before; unknown at the start, so meet there
        for (kernel, args, width), words in zip(self._launches, packed, strict=True):
            if len(words) > MAX_WORDS:
                raise ValueError(
                    f"the arguments of kernel {kernel.name} take {len(words)} words; a launch "
                    f"hands over {MAX_WORDS} at most"
                )
            meet = not (before == 1 and width == 1)
            rows += kernel.address(args), at, len(words), width, meet
            at += WORD * len(words)
            before = width
        table[:] = list(chain(rows, *packed))
        return table


@contextmanager
def record() -> Iterator[Tape]:
    """Note this thread's kernel launches on a new tape instead of running them."""
    before = getattr(_local, "tape", None)
    _local.tape = Tape()
    try:
        yield _local.tape
    finally:
        _local.tape = before


def at_once(launch: Callable[..., None], *args: Any) -> None:
    """Run the launches of `launch(*args)` as one table at its end, so that threads wake once.

    What they write cannot be read before. Inside `record()` they are simply noted.
    """
    if recording():
        launch(*args)
        return
    tape = Tape()
    tape.scratch = getattr(_local, "scratch", tape.scratch)
    tape.counters = getattr(_local, "counters", None)
    try:
        _local.tape = tape  # nothing before `try`: a Ctrl-C between would leave it set
        launch(*args)
    finally:
        _local.tape = None
        _local.scratch, _local.counters = tape.scratch, tape.counters
    tape.replay()


def recording() -> bool:
    """Whether this thread's launches are being noted rather than run."""
    return getattr(_local, "tape", None) is not None


@njit(nogil=True, inline="always")
def share(count, rank, size):  # type: ignore[no-untyped-def]
    """Where the part of `rank` in `count` items begins and ends; for use inside kernels."""
    return count * rank // size, count * (rank + 1) // size


@njit(nogil=True, inline="always")
def part(a, rank, size):  # type: ignore[no-untyped-def]
    """The part of the flat array `a` that belongs to `rank`: whole cache lines, as a slice.

    A loop over the length of a slice is one that LLVM can turn into vector code; a loop from one
    number to another is not, since Numba must allow for negative indices.
    """
    lines = (a.shape[0] + _LINE - 1) // _LINE
    return a[lines * rank // size * _LINE : lines * (rank + 1) // size * _LINE]


def threads_for(work: float, grain: float = 20_000.0) -> int:
    """How many threads `work` (about one per floating-point operation) is worth."""
    return int(min(thread_pool().size, max(1.0, work / grain)))


def scratch(dtype: Any, *shapes: tuple[int, ...]) -> list[np.ndarray]:
    """Return room for kernels to work in, one array for each shape, valid until the next call.

    Launches of one thread, or of one tape, follow each other, so they share their room.
    """
    dtype = np.dtype(dtype)
    sizes = [-(-math.prod(s) * dtype.itemsize // _LINE_BYTES) * _LINE_BYTES for s in shapes]
    owner = getattr(_local, "tape", None) or _local
    room = getattr(owner, "scratch", None)
    if room is None or room.size < sum(sizes) + _LINE_BYTES:
        room = owner.scratch = np.empty(sum(sizes) + _LINE_BYTES, np.uint8)
    start = -room.ctypes.data % _LINE_BYTES
    found = []
    for shape, size in zip(shapes, sizes, strict=True):
        found.append(room[start : start + math.prod(shape) * dtype.itemsize].view(dtype))
        found[-1] = found[-1].reshape(shape)
        start += size
    return found


def counters(threads: int) -> np.ndarray:
    """Zeros for `claim`: a cache line for each thread, and one for those who are done."""
    owner = getattr(_local, "tape", None) or _local
    found: np.ndarray | None = getattr(owner, "counters", None)
    if found is None or len(found) <= threads:
        found = owner.counters = np.zeros((threads + 1, _LINE_BYTES // 8), np.int64)
    return found


def _count_in_python(address: int, amount: int) -> int:
    """`atomic_add` without the JIT, where there is one thread only."""
    word = ctypes.cast(address, ctypes.POINTER(ctypes.c_int64)).contents
    word.value += amount
    return word.value - amount


_count = _count_in_python if config.DISABLE_JIT else atomic_add


@njit(nogil=True)
def claimed(counters, rank, size, items):  # type: ignore[no-untyped-def]
    """Yield the numbers of the items of work that thread `rank` is to do; all threads together.

    A thread takes the items of its own share first, so that it meets, kernel after kernel, the
    memory that its core has in the cache. Then it helps the others, one of whose processors
    another program may just now have taken. Each thread's count is in a row of `counters`, as
    `counters` hands them out; the last to find nothing left sets them back to 0. So a kernel has
    one such loop, and no thread leaves it early.
    """
    for step in range(size):
        owner = (rank + step) % size
        begin, end = share(items, owner, size)
        item = begin + _count(counters[owner].ctypes.data, 1)
        while item < end:
            yield item
            item = begin + _count(counters[owner].ctypes.data, 1)
    if _count(counters[size].ctypes.data, 1) == size - 1:
        counters[: size + 1] = 0


def _numba_type(arg: Argument) -> Any:
    if isinstance(arg, np.ndarray):
        return types.Array(from_dtype(arg.dtype), arg.ndim, "C")
    if isinstance(arg, tuple):
        return types.NamedUniTuple(types.int64, len(arg), type(arg))
    return types.int64


def _pack(arg: Argument) -> tuple[int, ...]:
    """An argument as Numba's compiled code takes it: an array is seven or more words."""
    if isinstance(arg, tuple):
        return arg
    if not isinstance(arg, np.ndarray):
        return (int(arg),)
    if not arg.flags.c_contiguous:
        raise ValueError("kernels take C-contiguous arrays")
    return (0, 0, arg.size, arg.itemsize, arg.ctypes.data, *arg.shape, *arg.strides)
