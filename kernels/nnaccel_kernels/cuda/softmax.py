"""Softmax and log-softmax of each row, forward and backward."""

from __future__ import annotations

import math
from typing import Any

from nnaccel_kernels.cuda.skeletons.rows import RowKernel, row_max_and_sum_exp, row_sum

__all__ = ["log_softmax", "log_softmax_backward", "softmax", "softmax_backward"]


@RowKernel
def _softmax(row, lane, lanes, width, shared, y, args):  # type: ignore[no-untyped-def]
    x = args[0]
    largest, total = row_max_and_sum_exp(row, lane, lanes, width, shared, x)
    for j in range(lane, width, lanes):
        y[row, j] = math.exp(x[row, j] - largest) / total


@RowKernel
def _log_softmax(row, lane, lanes, width, shared, y, args):  # type: ignore[no-untyped-def]
    x = args[0]
    largest, total = row_max_and_sum_exp(row, lane, lanes, width, shared, x)
    log_total = math.log(total)
    for j in range(lane, width, lanes):
        y[row, j] = x[row, j] - largest - log_total


@RowKernel
def _softmax_backward(row, lane, lanes, width, shared, dx, args):  # type: ignore[no-untyped-def]
    dy, y = args
    total = dx.dtype.type(0)
    for j in range(lane, width, lanes):
        total += dy[row, j] * y[row, j]
    total = row_sum(shared, total)
    for j in range(lane, width, lanes):
        dx[row, j] = y[row, j] * (dy[row, j] - total)


@RowKernel
def _log_softmax_backward(row, lane, lanes, width, shared, dx, args):  # type: ignore[no-untyped-def]
    dy, y = args
    total = dx.dtype.type(0)
    for j in range(lane, width, lanes):
        total += dy[row, j]
    total = row_sum(shared, total)
    for j in range(lane, width, lanes):
        dx[row, j] = dy[row, j] - math.exp(y[row, j]) * total


def softmax(x: Any, y: Any) -> None:
    """y = softmax of each row of x."""
    _softmax(y, x)


def log_softmax(x: Any, y: Any) -> None:
    """y = log(softmax) of each row of x."""
    _log_softmax(y, x)


def softmax_backward(dy: Any, y: Any, dx: Any) -> None:
    """dx from dy and y = softmax(x)."""
    _softmax_backward(dx, dy, y)


def log_softmax_backward(dy: Any, y: Any, dx: Any) -> None:
    """dx from dy and y = log_softmax(x)."""
    _log_softmax_backward(dx, dy, y)
