"""Gathers the rows of a batch, and keeps the counters that move from batch to batch.

Everything that changes between two replays of a recorded step lives in small arrays that kernels
read: `cursor` holds the batch's number within the epoch, `order` the shuffled row numbers.
"""

from __future__ import annotations

import numpy as np

from nnaccel_kernels.cpu._kernel import kernel, share, threads_for


@kernel
def _gather_rows(rank, size, data, order, cursor, batch_size, scale, out):  # type: ignore[no-untyped-def]
    first = cursor[0] * batch_size
    factor = out.dtype.type(scale[0])
    lo, hi = share(out.shape[0], rank, size)
    for i in range(lo, hi):
        row = order[first + i]
        for j in range(out.shape[1]):
            out[i, j] = out.dtype.type(data[row, j]) * factor


@kernel
def _gather_one_hot(rank, size, labels, order, cursor, batch_size, out):  # type: ignore[no-untyped-def]
    first = cursor[0] * batch_size
    zero, one = out.dtype.type(0), out.dtype.type(1)
    for i in range(out.shape[0]):
        label = labels[order[first + i]]
        for j in range(out.shape[1]):
            out[i, j] = one if j == label else zero


@kernel
def _advance(rank, size, counter):  # type: ignore[no-untyped-def]
    counter[0] += 1


def gather_rows(
    data: np.ndarray,
    order: np.ndarray,
    cursor: np.ndarray,
    batch_size: int,
    scale: float,
    out: np.ndarray,
) -> None:
    """out[i] = data[order[cursor * batch_size + i]] * scale, for the rows that `out` has."""
    width = threads_for(out.size * 4.0)
    _gather_rows(data, order, cursor, batch_size, np.array([scale]), out, width=width)


def gather_one_hot(
    labels: np.ndarray, order: np.ndarray, cursor: np.ndarray, batch_size: int, out: np.ndarray
) -> None:
    """out[i, j] = 1 where j is the label of the i-th row of the batch, else 0."""
    _gather_one_hot(labels, order, cursor, batch_size, out)


def advance(counter: np.ndarray) -> None:
    """counter[0] += 1."""
    _advance(counter)
