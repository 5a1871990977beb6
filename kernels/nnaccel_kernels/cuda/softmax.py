"""Softmax and its logarithm, row by row, forward and backward."""

from __future__ import annotations

import math
from typing import Any

from nnaccel_kernels.cuda.runtime.index import device
from nnaccel_kernels.cuda.skeletons.rows import Rows, add_up, largest

__all__ = ["log_softmax", "log_softmax_backward", "softmax", "softmax_backward"]


@device
def top_and_total(row, lane, lanes, width, shared, x):  # type: ignore[no-untyped-def]
    """Largest of a row, and the sum of exponentials of what is less than it by how much."""
    top = x[row, 0]
    for j in range(lane, width, lanes):
        top = x[row, j] if x[row, j] > top else top
    top = largest(shared, top)
    total = x.dtype.type(0)
    for j in range(lane, width, lanes):
        total += math.exp(x[row, j] - top)
    total = add_up(shared, total)
    return top, total if width > 0 else x.dtype.type(1)


@Rows
def _softmax(row, lane, lanes, width, shared, y, args):  # type: ignore[no-untyped-def]
    x = args[0]
    top, total = top_and_total(row, lane, lanes, width, shared, x)
    for j in range(lane, width, lanes):
        y[row, j] = math.exp(x[row, j] - top) / total


@Rows
def _log_softmax(row, lane, lanes, width, shared, y, args):  # type: ignore[no-untyped-def]
    x = args[0]
    top, total = top_and_total(row, lane, lanes, width, shared, x)
    log_total = math.log(total)
    for j in range(lane, width, lanes):
        y[row, j] = x[row, j] - top - log_total


@Rows
def _softmax_backward(row, lane, lanes, width, shared, dx, args):  # type: ignore[no-untyped-def]
    dy, y = args
    total = dx.dtype.type(0)
    for j in range(lane, width, lanes):
        total += dy[row, j] * y[row, j]
    total = add_up(shared, total)
    for j in range(lane, width, lanes):
        dx[row, j] = y[row, j] * (dy[row, j] - total)


@Rows
def _log_softmax_backward(row, lane, lanes, width, shared, dx, args):  # type: ignore[no-untyped-def]
    dy, y = args
    total = dx.dtype.type(0)
    for j in range(lane, width, lanes):
        total += dy[row, j]
    total = add_up(shared, total)
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
