"""How the threads of a pool share the work of a kernel."""

from __future__ import annotations

import ctypes

from numba import config, njit

from nnaccel_kernels.cpu.runtime.machine import atomic_add
from nnaccel_kernels.cpu.runtime.thread_pool import thread_pool

_LINE = 16  # elements: a cache line of float32


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
