"""Padding of images with zeros, or cropping."""

from __future__ import annotations

from typing import Any

from nnaccel_kernels.cuda.runtime.index import clamp, is_inside
from nnaccel_kernels.cuda.skeletons.image import UnrolledPixelKernel

__all__ = ["pad2d"]


@UnrolledPixelKernel
def _pad2d(n, c, i, j, args):  # type: ignore[no-untyped-def]
    x, top, left = args
    h, v = i - top, j - left
    pixel = x[n, c, clamp(h, x.shape[2]), clamp(v, x.shape[3])]
    return pixel if is_inside(h, v, x) else x.dtype.type(0)


def pad2d(x: Any, padding: tuple[int, int, int, int], y: Any) -> None:
    """y = x with that many rows and columns of zeros around; negative numbers crop."""
    _pad2d(y, x, padding[0], padding[2])
