"""Gradients summed over several batches before an update, without reading a device."""

from __future__ import annotations

import math
from typing import Any

import torch

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

    As the plain kernel says of `steps`, `update_rate`, `updates` and rates that are NaN.
    """
    now, is_last = rate.index_select(0, cursor), (steps + 1) % count == 0
    updates.copy_(steps // count)
    update_rate.copy_(torch.where(is_last, now, math.nan))
    summed = torch.where(now == now, total + g, total)
    is_whole = is_last & (now == now)
    g.copy_(torch.where(is_whole, summed * (1 / count), g))
    total.copy_(torch.where(is_whole, 0, summed))
