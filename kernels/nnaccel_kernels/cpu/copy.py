"""Memory layouts of image arrays (N, C, H, W), C-contiguous or channels-last, and copies."""

from __future__ import annotations

import numpy as np

from nnaccel_kernels.cpu.matmul.transpose import transpose
from nnaccel_kernels.cpu.runtime.kernel import kernel
from nnaccel_kernels.cpu.runtime.sharing import part, share, threads_for
from nnaccel_kernels.cpu.vector.simd import VECTOR_BYTES

__all__ = ["copy"]

_WORK = 4.0  # the cost of moving an element, in floating-point operations
_STRIP_BYTES = 256  # of each row that are transposed together: a few cache lines


def is_channels_last(x: np.ndarray) -> bool:
    """Whether a pixel's channels are neighbours in memory; also true of some one-channel images."""
    return bool(pixels(x).flags.c_contiguous)


def pixels(x: np.ndarray) -> np.ndarray:
    """View of an image array as (N, H, W, C): C-contiguous if the array is channels-last."""
    return x.transpose(0, 2, 3, 1)


def by_channel(first: np.ndarray, *others: np.ndarray) -> list[np.ndarray]:
    """View arrays in the layout of the first: (pixels, C, 1) if channels-last, else (N, C, pixels).

    Arrays in another layout are copied.
    """
    is_plane = first.shape[1] == 1 and first.size > 0 and first.flags.c_contiguous
    last = is_channels_last(first) and not is_plane
    found = []
    for x in (first, *others):
        if not (is_channels_last(x) if last else x.flags.c_contiguous):
            x, original = np.empty_like(first, shape=x.shape), x
            copy(original, x)
        n, c, h, w = x.shape
        found.append(pixels(x).reshape(n * h * w, c, 1) if last else x.reshape(n, c, h * w))
    return found


@kernel
def _copy(rank, size, x, y):  # type: ignore[no-untyped-def]
    x, y = part(x, rank, size), part(y, rank, size)
    y[:] = x


@kernel
def _transpose(rank, size, x, y):  # type: ignore[no-untyped-def]
    """y[n] = x[n].T, a strip of columns at a time."""
    rows, columns = x.shape[1], x.shape[2]
    lanes, strip = VECTOR_BYTES // x.itemsize, _STRIP_BYTES // x.itemsize
    strips = max(1, columns // strip)
    height = lanes if min(rows, columns) >= lanes else rows
    lo, hi = share(x.shape[0] * strips, rank, size)
    for item in range(lo, hi):
        n, number = item // strips, item % strips
        begin = number * strip
        width = columns - begin if number == strips - 1 else strip
        at = n * rows * columns
        for row in range(0, rows, height):
            i = min(row, rows - height)  # the last rows may be transposed twice
            source, target = at + i * columns + begin, at + begin * rows + i
            transpose(height, width, x, source, columns, y, target, rows)


def copy(x: np.ndarray, y: np.ndarray) -> None:
    """y = x, each in its own memory layout."""
    width = threads_for(x.size * _WORK)
    if is_channels_last(x) and is_channels_last(y):
        _copy(pixels(x).reshape(-1), pixels(y).reshape(-1), width=width)
    elif x.flags.c_contiguous and y.flags.c_contiguous:
        _copy(x.reshape(-1), y.reshape(-1), width=width)
    else:
        source, target = (
            (pixels(a) if is_channels_last(a) else a).reshape(_matrices(a)) for a in (x, y)
        )
        _transpose(source, target, width=width)


def _matrices(x: np.ndarray) -> tuple[int, int, int]:
    """Shape of an image array as one matrix for each image, in its memory layout."""
    n, c, h, w = x.shape
    return (n, h * w, c) if is_channels_last(x) else (n, c, h * w)
