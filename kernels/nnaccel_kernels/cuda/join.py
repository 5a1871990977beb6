"""Joins of branches: sums, products, and channels one after another."""

from __future__ import annotations

import math
from typing import Any

from nnaccel_kernels.cuda.skeletons.elementwise import ElementwiseKernel
from nnaccel_kernels.cuda.skeletons.image import UnrolledPixelKernel

__all__ = ["add", "multiply", "put_channels", "take_channels"]


@ElementwiseKernel
def _add(x, z):  # type: ignore[no-untyped-def]
    return x + z


@ElementwiseKernel
def _multiply(x, z):  # type: ignore[no-untyped-def]
    return x * z


@UnrolledPixelKernel
def _take_channels(n, c, i, j, args):  # type: ignore[no-untyped-def]
    x, first = args
    return x[n, first + c, i, j]


def add(x: Any, z: Any, y: Any) -> None:
    """y = x + z, for C-contiguous arrays."""
    _add((y.reshape(-1),), (x.reshape(-1), z.reshape(-1)))


def multiply(x: Any, z: Any, y: Any) -> None:
    """y = x * z, for C-contiguous arrays."""
    _multiply((y.reshape(-1),), (x.reshape(-1), z.reshape(-1)))


def put_channels(x: Any, first: int, y: Any) -> None:
    """y's channels from `first` on = x, for arrays (N, C, ...)."""
    x, y = _images(x), _images(y)
    _take_channels(y[:, first : first + x.shape[1]], x, 0)


def take_channels(x: Any, first: int, y: Any) -> None:
    """y = as many channels of x, from `first` on, for arrays (N, C, ...)."""
    _take_channels(_images(y), _images(x), first)


def _images(a: Any) -> Any:
    """An array (N, C, ...) as images; those of four axes as they are."""
    return a if a.ndim == 4 else a.reshape(*a.shape[:2], math.prod(a.shape[2:]), 1)
