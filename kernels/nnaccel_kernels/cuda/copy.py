"""Images moved from one array to another: copied, padded or cropped."""

from __future__ import annotations

from typing import Any

from nnaccel_kernels.cuda.runtime.index import is_on
from nnaccel_kernels.cuda.skeletons.image import Stream
from nnaccel_kernels.cuda.skeletons.known import clamped

__all__ = ["copy", "pad2d"]


@Stream
def _copy(n, c, i, j, args):  # type: ignore[no-untyped-def]
    return args[0][n, c, i, j]


@Stream
def _pad2d(n, c, i, j, args):  # type: ignore[no-untyped-def]
    x, top, left = args
    h, v = i - top, j - left
    pixel = x[n, c, clamped(h, x.shape[2]), clamped(v, x.shape[3])]
    return pixel if is_on(h, v, x) else x.dtype.type(0)


def copy(x: Any, y: Any) -> None:
    """y = x, each in its own memory order."""
    _copy(y, x)


def pad2d(x: Any, padding: tuple[int, int, int, int], y: Any) -> None:
    """y = x with that many rows and columns of zeros around; negative numbers crop."""
    _pad2d(y, x, padding[0], padding[2])
