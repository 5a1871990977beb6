"""Rows of a batch, and the counters that advance from batch to batch."""

from __future__ import annotations

import math
from typing import Any

from nnaccel_kernels.reference.namespace import namespace

__all__ = ["advance", "finish_step", "gather_one_hot", "gather_rows"]


def gather_rows(
    data: Any, order: Any, cursor: Any, batch_size: int, scale: float, out: Any
) -> None:
    """out[i] = data[order[cursor * batch_size + i]] * scale, for each row of `out`."""
    rows = _rows(data, order, cursor, batch_size, out.shape[0])
    out[...] = namespace(data).astype(rows, out.dtype, copy=False)
    out *= scale


def gather_one_hot(labels: Any, order: Any, cursor: Any, batch_size: int, out: Any) -> None:
    """out[i, j] = 1 where j is the i-th label of the batch, else 0; labels are (N,) or (N, P)."""
    xp, each = namespace(labels), math.prod(labels.shape[1:])
    classes = xp.arange(out.shape[1], device=out.device)
    found = _rows(labels, order, cursor, batch_size, out.shape[0] // each)
    out[...] = xp.astype(xp.reshape(found, (-1, 1)) == classes, out.dtype)


def advance(counter: Any) -> None:
    """counter[0] += 1."""
    counter += 1


def finish_step(rate: Any, cursor: Any, steps: Any) -> None:
    """cursor[0] += 1; steps[0] += 1 unless the batch's rate is NaN, which means no update."""
    if not math.isnan(float(rate[int(cursor[0])])):
        steps += 1
    cursor += 1


def _rows(data: Any, order: Any, cursor: Any, batch_size: int, count: int) -> Any:
    first = int(cursor[0]) * batch_size
    return namespace(data).take(data, order[first : first + count], axis=0)
