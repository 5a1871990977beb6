"""Rows of a batch, and the counters of a training step.

What changes between replays of a recorded step is in small arrays that kernels read: `cursor` holds
the number of the batch in the epoch, `order` the shuffled row numbers.
"""

from __future__ import annotations

import math

import numpy as np

from nnaccel_kernels.cpu.runtime.kernel import kernel
from nnaccel_kernels.cpu.runtime.machine import prefetch
from nnaccel_kernels.cpu.runtime.sharing import share, threads_for
from nnaccel_kernels.cpu.vector.runs import copy_run

__all__ = ["advance", "finish_step", "gather_one_hot", "gather_rows"]

#: Rows from prefetch to use, at least, and bytes: a random row is in no cache.
_AHEAD, _BYTES_AHEAD = 4, 1024
_SHORT_BYTES = 256  # of a row that is best copied by a call
_LINE_BYTES = 64


@kernel
def _gather_rows(rank, size, data, order, cursor, batch_size, scale, out):  # type: ignore[no-untyped-def]
    columns = out.shape[1]
    factor = out.dtype.type(scale[0])
    flat, line = data.reshape(data.size), _LINE_BYTES // data.itemsize
    ahead = max(_AHEAD, _BYTES_AHEAD // max(1, columns * data.itemsize))
    is_copy = data.dtype == out.dtype and factor == 1 and columns * data.itemsize <= _SHORT_BYTES
    lo, hi = share(out.shape[0], rank, size)
    rows = order[cursor[0] * batch_size :]
    for i in range(lo, hi + ahead):
        if i < hi:
            start = rows[i] * columns
            for j in range(0, columns, line):
                prefetch(flat, start + j)
        at = i - ahead
        if at < lo:
            continue
        if is_copy:
            copy_run(columns, data, rows[at] * columns, out, at * columns)
        else:
            source, target = data[rows[at]], out[at]
            for j in range(columns):
                target[j] = out.dtype.type(source[j]) * factor


@kernel
def _gather_one_hot(rank, size, labels, order, cursor, batch_size, out):  # type: ignore[no-untyped-def]
    first, each = cursor[0] * batch_size, labels.shape[1]
    flat = labels.reshape(labels.size)
    lo, hi = share(out.shape[0] // each, rank, size)
    for i in range(lo, hi):
        prefetch(flat, order[first + i] * each)
    out[lo * each : hi * each] = 0
    for i in range(lo, hi):
        row = labels[order[first + i]]
        for j in range(each):
            out[i * each + j, row[j]] = 1


@kernel
def _advance(rank, size, counter):  # type: ignore[no-untyped-def]
    counter[0] += 1


@kernel
def _finish_step(rank, size, rate, cursor, steps):  # type: ignore[no-untyped-def]
    if not math.isnan(rate[cursor[0]]):
        steps[0] += 1
    cursor[0] += 1


def gather_rows(
    data: np.ndarray,
    order: np.ndarray,
    cursor: np.ndarray,
    batch_size: int,
    scale: float,
    out: np.ndarray,
) -> None:
    """out[i] = data[order[cursor * batch_size + i]] * scale, for each row of `out`."""
    width = threads_for(out.size * 4.0)
    _gather_rows(data, order, cursor, batch_size, np.array([scale]), out, width=width)


def gather_one_hot(
    labels: np.ndarray, order: np.ndarray, cursor: np.ndarray, batch_size: int, out: np.ndarray
) -> None:
    """out[i, j] = 1 where j is the i-th label of the batch, else 0; labels are (N,) or (N, P)."""
    labels = labels[:, None] if labels.ndim == 1 else labels
    width = threads_for(out.size * 40.0)  # as many threads as losses take: a row stays in one cache
    _gather_one_hot(labels, order, cursor, batch_size, out, width=width)


def advance(counter: np.ndarray) -> None:
    """counter[0] += 1."""
    _advance(counter)


def finish_step(rate: np.ndarray, cursor: np.ndarray, steps: np.ndarray) -> None:
    """cursor[0] += 1, and steps[0] += 1 unless the rate is NaN, which means no update."""
    _finish_step(rate, cursor, steps)
