"""Images as a matrix, when all lie in memory in the same order.

Its columns are the channels of channels-last images, else the pixels of a channel.
"""

from __future__ import annotations

from functools import cache
from typing import Any, NamedTuple

from nnaccel_kernels.cuda.runtime.index import device
from nnaccel_kernels.cuda.runtime.launch import power_of_two
from nnaccel_kernels.cuda.runtime.vectors import lanes_of

_ROW_THREADS = 64  # at most, on the pixels of a channel: with more the last ones have none


class Matrix(NamedTuple):
    """Images (N, C, H, W) as flat arrays."""

    arrays: tuple[Any, ...]
    channels_last: bool
    rows: int
    columns: int
    lanes: int
    """Neighbours that a thread takes at a time; they divide the columns."""


def as_matrix(*images: Any) -> Matrix | None:
    """Images of one shape as a matrix; None if they lie in different orders, or with gaps."""
    n, channels, height, width = images[0].shape
    contiguous, pixels = _contiguous(images), height * width
    channels_last = pixels == 1 or not contiguous
    if not contiguous:
        images = tuple(a.transpose(0, 2, 3, 1) for a in images)
        if not _contiguous(images):
            return None
    rows, columns = (n * pixels, channels) if channels_last else (n * channels, pixels)
    flat = tuple(a.reshape(-1) for a in images)
    return Matrix(flat, channels_last, rows, columns, min(lanes_of(*flat), columns & -columns))


def _contiguous(arrays: tuple[Any, ...]) -> bool:
    return all(a.flags.c_contiguous for a in arrays)


def block_shape(matrix: Matrix, threads: int) -> tuple[int, int]:
    """Threads along columns, and along rows."""
    limit = threads if matrix.channels_last else min(threads, _ROW_THREADS)
    across = power_of_two(matrix.columns // matrix.lanes, limit)
    return across, threads // across


@cache
def items(count: int) -> Any:
    """A device function that gives the item of each of `count` arrays at an index."""
    if not count:
        return device(lambda arrays, index: ())
    rest = items(count - 1)

    @device
    def first_and_rest(arrays, index):  # type: ignore[no-untyped-def]
        return arrays[0][index], *rest(arrays[1:], index)

    return first_and_rest
