"""Sums over a batch, taken in a fixed number of parts so that threads need not wait for each other.

The number of parts depends on shapes alone, so that results do not depend on the threads.
"""

from __future__ import annotations

import numpy as np
from numba.extending import register_jitable

from nnaccel_kernels.cpu.runtime.kernel import kernel
from nnaccel_kernels.cpu.runtime.sharing import share, threads_for
from nnaccel_kernels.cpu.runtime.thread_pool import thread_pool
from nnaccel_kernels.cpu.vector.runs import add_to, copy_run

_MAX_PARTS = 16
_MAX_BYTES = 8_000_000  # of all parts together


def parts_for(items: int, nbytes: int) -> int:
    """The number of parts for a sum of `items` terms, where a part takes `nbytes`."""
    return int(max(1, min(_MAX_PARTS, items, _MAX_BYTES // max(1, nbytes))))


def cuts_for(items: int) -> int:
    """The number of pieces to cut each of `items` into, so that every thread gets one."""
    return -(-thread_pool().size // max(1, items))


@register_jitable
def task_of(item, sums, conv, cuts, blocks):  # type: ignore[no-untyped-def]
    """What a work item adds to sums (parts, groups * K, …).

    Returns its part, its group, the begin and end of its rows of `sums`, and of its blocks.
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
