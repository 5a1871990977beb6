"""How threads share the work of a kernel."""

from __future__ import annotations

import ctypes

from numba import config, njit

from nnaccel_kernels.cpu.runtime.machine import atomic_add
from nnaccel_kernels.cpu.runtime.thread_pool import thread_pool

_LINE = 16  # elements: a cache line of float32


@njit(nogil=True, inline="always")
def share(count, rank, size):  # type: ignore[no-untyped-def]
    """Begin and end of the share of `rank` in `count` items; for use inside kernels."""
    return count * rank // size, count * (rank + 1) // size


@njit(nogil=True, inline="always")
def part(a, rank, size):  # type: ignore[no-untyped-def]
    """The share of `rank` in the flat array `a`: whole cache lines, as a slice.

    LLVM vectorises a loop over the length of a slice, but not one between two indices, which Numba
    must assume may be negative.
    """
    lines = (a.shape[0] + _LINE - 1) // _LINE
    return a[lines * rank // size * _LINE : lines * (rank + 1) // size * _LINE]


def threads_for(work: float, grain: float = 20_000.0) -> int:
    """The number of threads for `work` floating-point operations: `grain` or more for each."""
    return int(min(thread_pool().size, max(1.0, work / grain)))


def _count_in_python(address: int, amount: int) -> int:
    """`atomic_add` without the JIT, with its one thread."""
    word = ctypes.cast(address, ctypes.POINTER(ctypes.c_int64)).contents
    word.value += amount
    return word.value - amount


_count = _count_in_python if config.DISABLE_JIT else atomic_add


@njit(nogil=True)
def work_items(counters, rank, size, items):  # type: ignore[no-untyped-def]
    """Yield the work items of thread `rank`, by work stealing.

    A thread first takes the items of its own share, so that it finds, kernel after kernel, its data
    in the cache of its core. Then it takes items that other threads, slowed by other programs, have
    left. `counters`, from `thread_workspaces`, has a row for each share; the last thread to finish
    resets them. So a kernel has only one such loop, and no thread leaves it early.
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
