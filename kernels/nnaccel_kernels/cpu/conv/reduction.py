"""Sums over a whole batch, taken in a few fixed parts so that threads need not wait for each other.

The number of parts depends on shapes alone, so that results do not depend on the threads.
"""

from __future__ import annotations

import numpy as np
from numba.extending import register_jitable

from nnaccel_kernels.cpu.runtime.kernel import kernel
from nnaccel_kernels.cpu.runtime.sharing import share, threads_for
from nnaccel_kernels.cpu.runtime.thread_pool import thread_pool
from nnaccel_kernels.cpu.runtime.workspace import counters, scratch
from nnaccel_kernels.cpu.vector.runs import add_to, copy_run

_MOST = 16
_BYTES = 8_000_000  # that all parts may take


def parts_for(items: int, nbytes: int) -> int:
    """How many parts to sum `items` in, where each takes `nbytes`."""
    return int(max(1, min(_MOST, items, _BYTES // max(1, nbytes))))


def rooms_for(
    dtype: np.dtype, shared: tuple[int, ...], words: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Room that all threads share, what they count items with, and room for each thread."""
    threads = thread_pool().size
    common, rooms = scratch(dtype, shared, (threads, words))
    return common, counters(threads), rooms


def cuts_for(items: int) -> int:
    """In how many to cut each of too few items for the threads."""
    return -(-thread_pool().size // max(1, items))


@register_jitable
def task_of(item, sums, conv, cuts, blocks):  # type: ignore[no-untyped-def]
    """What an item of sums (parts, groups * K, …) is.

    Its part, its group, its rows of sums, and its share of the blocks: each as begin and end.
    """
    rest = item // cuts
    part, group = rest // conv.groups, rest % conv.groups
    low, high = share(conv.filters, item % cuts, cuts)
    begin, end = share(blocks, part, sums.shape[0])
    return part, group, group * conv.filters + low, group * conv.filters + high, begin, end


@kernel
def _add_up(rank, size, sums, total):  # type: ignore[no-untyped-def]
    lo, hi = share(total.size, rank, size)
    mine = total[lo:hi]
    copy_run(mine.size, sums, lo, mine, 0)
    for i in range(1, sums.shape[0]):
        add_to(mine, sums[i, lo:hi])


def add_up(sums: np.ndarray, total: np.ndarray) -> None:
    """total (n,) = the sum of sums (parts, n) over its parts, in order."""
    _add_up(sums, total, width=threads_for(sums.size))
