"""Gradients summed over several batches before an update."""

from __future__ import annotations

import math

import numpy as np

from nnaccel_kernels.cpu.runtime.kernel import kernel
from nnaccel_kernels.cpu.runtime.sharing import part, threads_for

__all__ = ["accumulate"]


@kernel
def _accumulate(rank, size, g, total, count, rate, cursor, steps, update_rate, updates):  # type: ignore[no-untyped-def]
    now, is_last = rate[cursor[0]], (steps[0] + 1) % count == 0
    if rank == 0:
        updates[0] = steps[0] // count
        update_rate[0] = now if is_last else np.nan
    if math.isnan(now):
        return
    share = g.dtype.type(1.0 / count)
    g, total = part(g, rank, size), part(total, rank, size)
    if is_last:
        for i in range(g.size):
            g[i] = (total[i] + g[i]) * share
            total[i] = 0
    else:
        for i in range(g.size):
            total[i] += g[i]


def accumulate(
    g: np.ndarray,
    total: np.ndarray,
    count: int,
    rate: np.ndarray,
    cursor: np.ndarray,
    steps: np.ndarray,
    update_rate: np.ndarray,
    updates: np.ndarray,
) -> None:
    """Add g to `total`; with the last of `count` batches set g to their mean, and `total` to 0.

    `steps` counts the batches before this one. update_rate[0] becomes this batch's rate if it is
    the last, else NaN, for no update; updates[0] = steps // count. A batch whose rate is NaN
    already, because its gradients overflowed, is left out.
    """
    schedule = rate, cursor, steps, update_rate, updates
    _accumulate(g, total, count, *schedule, width=threads_for(g.size * 2.0))
