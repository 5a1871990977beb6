"""Gradients summed over several batches before an update."""

from __future__ import annotations

import math
from typing import Any

__all__ = ["accumulate"]


def accumulate(
    g: Any,
    total: Any,
    count: int,
    rate: Any,
    cursor: Any,
    steps: Any,
    update_rate: Any,
    updates: Any,
) -> None:
    """Add g to `total`; with the last of `count` batches set g to their mean, and `total` to 0.

    `steps` counts the batches before this one. update_rate[0] becomes this batch's rate if it is
    the last, else NaN, for no update; updates[0] = steps // count. A batch whose rate is NaN
    already, because its gradients overflowed, is left out.
    """
    now, done = float(rate[int(cursor[0])]), int(steps[0])
    is_last = (done + 1) % count == 0
    updates[0] = done // count
    update_rate[0] = now if is_last else math.nan
    if math.isnan(now):
        return
    total += g
    if is_last:
        g[...] = total * (1 / count)
        total[...] = 0
