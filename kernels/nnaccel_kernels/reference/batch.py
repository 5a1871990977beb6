"""Gathers the rows of a batch, and keeps the counters that move from batch to batch."""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["advance", "finish_step", "gather_one_hot", "gather_rows"]


def gather_rows(
    data: Any, order: Any, cursor: Any, batch_size: int, scale: float, out: Any
) -> None:
    """out[i] = data[order[cursor * batch_size + i]] * scale, for the rows that `out` has."""
    out[...] = data[_rows(order, cursor, batch_size, out)]
    out *= scale


def gather_one_hot(labels: Any, order: Any, cursor: Any, batch_size: int, out: Any) -> None:
    """out[i, j] = 1 where j is the label of the i-th row of the batch, else 0."""
    batch = labels[_rows(order, cursor, batch_size, out)]
    out[...] = batch[:, None] == np.arange(out.shape[1])


def advance(counter: Any) -> None:
    """counter[0] += 1."""
    counter += 1


def finish_step(rate: Any, cursor: Any, steps: Any) -> None:
    """cursor[0] += 1, and steps[0] too unless the batch's rate is NaN: then there was no update."""
    steps += not np.isnan(rate[int(cursor[0])])
    cursor += 1


def _rows(order: Any, cursor: Any, batch_size: int, out: Any) -> Any:
    first = int(cursor[0]) * batch_size
    return order[first : first + len(out)]
