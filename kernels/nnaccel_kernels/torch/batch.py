"""Rows of a batch, and the counters that advance from batch to batch, without reading a device."""

from __future__ import annotations

import math
from typing import Any

import torch

from nnaccel_kernels.torch.half import is_half

__all__ = ["finish_step", "gather_one_hot", "gather_rows"]


def gather_rows(
    data: Any, order: Any, cursor: Any, batch_size: int, scale: float, out: Any
) -> None:
    """out[i] = data[order[cursor * batch_size + i]] * scale, for each row of `out`."""
    rows = rows_of_batch(order, cursor, batch_size, out.shape[0])
    taken = data.index_select(0, rows).to(torch.float32 if is_half(out) else out.dtype)
    out.copy_(taken if scale == 1 else taken.mul_(scale))


def gather_one_hot(labels: Any, order: Any, cursor: Any, batch_size: int, out: Any) -> None:
    """out[i, j] = 1 where j is the i-th label of the batch, else 0; labels are (N,) or (N, P)."""
    rows = rows_of_batch(order, cursor, batch_size, out.shape[0] // math.prod(labels.shape[1:]))
    classes = torch.arange(out.shape[1], device=out.device)
    out.copy_(labels.index_select(0, rows).reshape(-1, 1) == classes)


def finish_step(rate: Any, cursor: Any, steps: Any) -> None:
    """cursor[0] += 1; steps[0] += 1 unless the batch's rate is NaN, which means no update."""
    now = rate.index_select(0, cursor)
    steps.add_(now == now)
    cursor.add_(1)


def rows_of_batch(order: Any, cursor: Any, batch_size: int, count: int) -> Any:
    """Numbers of the first `count` rows of a batch."""
    places = torch.arange(count, device=order.device).add_(cursor * batch_size)
    return order.index_select(0, places)
