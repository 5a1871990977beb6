"""Image arrays as kernels want them, whatever their memory order: channels-last, some at a time.

Arrays that are channels-last already are taken whole and in place. Others go through the cache: a
few images are copied there, worked on, and copied back.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from nnaccel_kernels.cpu.runtime.workspace import scratch
from nnaccel_kernels.cpu.windows.layout import copy, is_channels_last, pixels

ROOM = 1 << 22  # bytes of images that are copied at a time


def image_parts(y: np.ndarray | None, *xs: np.ndarray) -> Iterator[list[np.ndarray]]:
    """C-contiguous arrays (N, H, W, C) for some images after the others, those of y first.

    They are valid until the next ones. What is written to those of y gets into y.
    """
    yield from _parts(0, y, *xs)


def plane_parts(y: np.ndarray, *xs: np.ndarray) -> Iterator[list[np.ndarray]]:
    """Like `image_parts`, for kernels that mix no channels.

    Planes that lie one after the other are taken for the channels of one image, so that even
    images of one channel make long vectors.
    """
    arrays = y, *xs
    last = all(map(is_channels_last, arrays)) and y.shape[1] > 1
    if last or not all(a.flags.c_contiguous for a in arrays):
        yield from _parts(0, *arrays)
    else:
        yield from _parts(1, *(a.reshape(1, -1, *a.shape[2:]) for a in arrays))


def _parts(axis: int, y: np.ndarray | None, *xs: np.ndarray) -> Iterator[list[np.ndarray]]:
    """Take some of what the arrays hold along an axis, and then some more."""
    arrays = xs if y is None else (y, *xs)
    total = arrays[0].shape[axis]
    foreign = [a for a in arrays if not is_channels_last(a)]
    bytes_each = sum(a.nbytes for a in foreign) // max(1, total)
    count = min(total, max(1, ROOM // bytes_each)) if bytes_each else total
    rooms = scratch(arrays[0].dtype, *((a.size // max(1, total) * count,) for a in foreign))
    for start in range(0, total, max(1, count)):
        some = [
            a[start : start + count] if axis == 0 else a[:, start : start + count] for a in arrays
        ]
        free = iter(rooms)
        lent = [
            a if is_channels_last(whole) else _like(a, next(free))
            for a, whole in zip(some, arrays, strict=True)
        ]
        for a, b in zip(some[y is not None :], lent[y is not None :], strict=True):
            if a is not b:
                copy(a, b)
        yield [pixels(a) for a in lent]
        if y is not None and lent[0] is not some[0]:
            copy(lent[0], some[0])


def _like(x: np.ndarray, room: np.ndarray) -> np.ndarray:
    """An array like x in that room, but channels-last."""
    n, c, h, w = x.shape
    return room[: x.size].reshape(n, h, w, c).transpose(0, 3, 1, 2)
