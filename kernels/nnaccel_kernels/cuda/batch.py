"""Gathers the rows of a batch, and advances the counters of batches and steps.

Counters are on the device, so that a captured step reads them again at each replay.
"""

from __future__ import annotations

import math
from typing import Any

from nnaccel_kernels.cuda.runtime.launch import scalar
from nnaccel_kernels.cuda.skeletons.indexed import IndexedKernel

__all__ = ["advance", "finish_step", "gather_one_hot", "gather_rows"]


@IndexedKernel
def _gather_rows(i, args):  # type: ignore[no-untyped-def]
    data, order, cursor, batch_size, scale, out = args
    row = i // out.shape[1]
    column = i - row * out.shape[1]
    value = out.dtype.type(data[order[cursor[0] * batch_size + row], column])
    out[row, column] = value * scale


@IndexedKernel
def _gather_one_hot(i, args):  # type: ignore[no-untyped-def]
    labels, order, cursor, batch_size, out = args
    row = i // out.shape[1]
    column = i - row * out.shape[1]
    image = row // labels.shape[1]
    label = labels[order[cursor[0] * batch_size + image], row - image * labels.shape[1]]
    out[row, column] = out.dtype.type(1 if label == column else 0)


@IndexedKernel
def _advance(i, args):  # type: ignore[no-untyped-def]
    args[0][i] += 1


@IndexedKernel
def _finish_step(i, args):  # type: ignore[no-untyped-def]
    rate, cursor, steps = args
    if not math.isnan(rate[cursor[0]]):
        steps[i] += 1
    cursor[i] += 1


def gather_rows(
    data: Any, order: Any, cursor: Any, batch_size: int, scale: float, out: Any
) -> None:
    """out[i] = data[order[cursor * batch_size + i]] * scale, for each row i of `out`."""
    _gather_rows(out.size, data, order, cursor, batch_size, scalar(scale, out), out)


def gather_one_hot(labels: Any, order: Any, cursor: Any, batch_size: int, out: Any) -> None:
    """out[i, j] = 1 where j is the i-th label of the batch, else 0; labels are (N,) or (N, P)."""
    labels = labels[:, None] if labels.ndim == 1 else labels
    _gather_one_hot(out.size, labels, order, cursor, batch_size, out)


def advance(counter: Any) -> None:
    """counter[0] += 1."""
    _advance(1, counter)


def finish_step(rate: Any, cursor: Any, steps: Any) -> None:
    """cursor[0] += 1; steps[0] += 1 unless the batch's rate is NaN, which skips an update."""
    _finish_step(1, rate, cursor, steps)
