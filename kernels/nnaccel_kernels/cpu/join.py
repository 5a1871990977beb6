"""Joins of branches: sums, products, and channels one after another."""

from __future__ import annotations

import math

import numpy as np

from nnaccel_kernels.cpu.copy import pixels
from nnaccel_kernels.cpu.runtime.kernel import kernel
from nnaccel_kernels.cpu.runtime.sharing import part, share, threads_for
from nnaccel_kernels.cpu.vector.runs import copy_run

__all__ = ["add", "multiply", "put_channels", "take_channels"]

_WORK = 4.0  # the cost of an element, in floating-point operations


@kernel
def _add(rank, size, x, z, y):  # type: ignore[no-untyped-def]
    x, z, y = part(x, rank, size), part(z, rank, size), part(y, rank, size)
    for i in range(y.size):
        y[i] = x[i] + z[i]


@kernel
def _multiply(rank, size, x, z, y):  # type: ignore[no-untyped-def]
    x, z, y = part(x, rank, size), part(z, rank, size), part(y, rank, size)
    for i in range(y.size):
        y[i] = x[i] * z[i]


@kernel
def _copy_columns(rank, size, x, x_first, y, y_first, count):  # type: ignore[no-untyped-def]
    """Copy `count` columns of a matrix, from one column on, to those of another."""
    lo, hi = share(x.shape[0], rank, size)
    for row in range(lo, hi):
        copy_run(count, x[row], x_first, y[row], y_first)


def add(x: np.ndarray, z: np.ndarray, y: np.ndarray) -> None:
    """y = x + z, for C-contiguous arrays."""
    _add(x.reshape(-1), z.reshape(-1), y.reshape(-1), width=threads_for(y.size * _WORK))


def multiply(x: np.ndarray, z: np.ndarray, y: np.ndarray) -> None:
    """y = x * z, for C-contiguous arrays."""
    _multiply(x.reshape(-1), z.reshape(-1), y.reshape(-1), width=threads_for(y.size * _WORK))


def put_channels(x: np.ndarray, first: int, y: np.ndarray) -> None:
    """y's channels from `first` on = x, both (N, C, ...) and in one memory order."""
    source, target, length = _matrices(x, y)
    start, width = first * length, threads_for(x.size * _WORK)
    _copy_columns(source, 0, target, start, source.shape[1], width=width)


def take_channels(x: np.ndarray, first: int, y: np.ndarray) -> None:
    """y = as many channels of x, from `first` on; both (N, C, ...) and in one memory order."""
    source, target, length = _matrices(x, y)
    start, width = first * length, threads_for(y.size * _WORK)
    _copy_columns(source, start, target, 0, target.shape[1], width=width)


def _matrices(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray, int]:
    """Both as matrices whose rows hold channels, and the columns of a channel."""
    if x.flags.c_contiguous and y.flags.c_contiguous:
        length = math.prod(x.shape[2:])
        return _rows(x), _rows(y), length
    return pixels(x).reshape(-1, x.shape[1]), pixels(y).reshape(-1, y.shape[1]), 1


def _rows(a: np.ndarray) -> np.ndarray:
    return a.reshape(len(a), math.prod(a.shape[1:]))
