"""Softmax and log-softmax of each row, forward and backward."""

from __future__ import annotations

import math

import numpy as np

from nnaccel_kernels.cpu.runtime.jit import njit
from nnaccel_kernels.cpu.runtime.kernel import kernel
from nnaccel_kernels.cpu.runtime.sharing import share, threads_for
from nnaccel_kernels.cpu.vector.math import exp
from nnaccel_kernels.cpu.vector.runs import dot_of, largest_of, sum_of

__all__ = ["log_softmax", "log_softmax_backward", "softmax", "softmax_backward"]

_WORK = 20.0  # about the floating-point operations in one exponential


@kernel
def _softmax(rank, size, x, y):  # type: ignore[no-untyped-def]
    lo, hi = share(x.shape[0], rank, size)
    for i in range(lo, hi):
        softmax_row(x[i], y[i])


@njit(nogil=True, cache=True, error_model="numpy")
def softmax_row(x, y):  # type: ignore[no-untyped-def]
    """y = softmax(x) for one row; returns max(x) and log(sum(exp(x - max(x)))).

    Their sum, logsumexp(x), would lose digits of the logarithm where max(x) is large.
    """
    largest = largest_of(x)
    for j in range(x.size):
        y[j] = exp(x[j] - largest)
    total = sum_of(y)
    scale = x.dtype.type(1) / total
    for j in range(x.size):
        y[j] *= scale
    return largest, math.log(total)


@kernel
def _log_softmax(rank, size, x, y):  # type: ignore[no-untyped-def]
    lo, hi = share(x.shape[0], rank, size)
    for i in range(lo, hi):
        row, out = x[i], y[i]
        largest, log_total = softmax_row(row, out)
        for j in range(out.size):
            out[j] = (row[j] - largest) - log_total


@kernel
def _softmax_backward(rank, size, dy, y, dx):  # type: ignore[no-untyped-def]
    lo, hi = share(dy.shape[0], rank, size)
    for i in range(lo, hi):
        gradient, row, out = dy[i], y[i], dx[i]
        dot = dot_of(gradient, row)
        for j in range(out.size):
            out[j] = row[j] * (gradient[j] - dot)


@kernel
def _log_softmax_backward(rank, size, dy, y, dx):  # type: ignore[no-untyped-def]
    lo, hi = share(dy.shape[0], rank, size)
    for i in range(lo, hi):
        gradient, row, out = dy[i], y[i], dx[i]
        total = sum_of(gradient)
        for j in range(out.size):
            out[j] = gradient[j] - exp(row[j]) * total


def softmax(x: np.ndarray, y: np.ndarray) -> None:
    """y = softmax of each row of x."""
    _softmax(x, y, width=threads_for(x.size * _WORK))


def log_softmax(x: np.ndarray, y: np.ndarray) -> None:
    """y = log(softmax) of each row of x."""
    _log_softmax(x, y, width=threads_for(x.size * _WORK))


def softmax_backward(dy: np.ndarray, y: np.ndarray, dx: np.ndarray) -> None:
    """dx from dy and y = softmax(x)."""
    _softmax_backward(dy, y, dx, width=threads_for(dy.size * 4.0))


def log_softmax_backward(dy: np.ndarray, y: np.ndarray, dx: np.ndarray) -> None:
    """dx from dy and y = log_softmax(x)."""
    _log_softmax_backward(dy, y, dx, width=threads_for(dy.size * _WORK))
