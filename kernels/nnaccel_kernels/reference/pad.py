"""Zero padding of images."""

from __future__ import annotations

from typing import Any

from nnaccel_kernels.reference.taps import taps
from nnaccel_kernels.window import Window

__all__ = ["pad2d"]


def pad2d(x: Any, padding: tuple[int, int, int, int], y: Any) -> None:
    """y = x with rows and columns of zeros (top, bottom, left, right); negative numbers crop."""
    y[...] = 0
    for _, _, at, pixels in taps(Window((1, 1), padding=padding), x.shape, y.shape):
        y[at] = x[pixels]
