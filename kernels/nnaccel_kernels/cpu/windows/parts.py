"""Images as channels-last arrays, whatever their memory layout.

Channels-last arrays are used whole and in place. Of others a few images at a time are copied to
channels-last memory that fits in the cache, and results are copied back.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from nnaccel_kernels.cpu.copy import copy, is_channels_last, pixels
from nnaccel_kernels.cpu.runtime.workspace import scratch

PART_BYTES = 1 << 22  # of images copied at a time


def image_parts(y: np.ndarray | None, *xs: np.ndarray) -> Iterator[list[np.ndarray]]:
    """Yield C-contiguous arrays (N, H, W, C) for a few images after the other, that of y first.

    They are valid until the next ones. What is written to the array of y is copied to y.
    """
    yield from _parts(0, y, *xs)


def plane_parts(y: np.ndarray, *xs: np.ndarray) -> Iterator[list[np.ndarray]]:
    """Yield as `image_parts` does, for kernels that treat channels alike.

    The planes of C-contiguous arrays are taken for the channels of one image, so that even images
    of one channel make long vectors.
    """
    arrays = y, *xs
    last = all(map(is_channels_last, arrays)) and y.shape[1] > 1
    if last or not all(a.flags.c_contiguous for a in arrays):
        yield from _parts(0, *arrays)
    else:
        yield from _parts(1, *(a.reshape(1, -1, *a.shape[2:]) for a in arrays))


def _parts(axis: int, y: np.ndarray | None, *xs: np.ndarray) -> Iterator[list[np.ndarray]]:
    """Yield parts along an axis."""
    arrays = xs if y is None else (y, *xs)
    total = arrays[0].shape[axis]
    copied = [a for a in arrays if not is_channels_last(a)]
    bytes_each = sum(a.nbytes for a in copied) // max(1, total)
    count = min(total, max(1, PART_BYTES // bytes_each)) if bytes_each else total
    memory = scratch(arrays[0].dtype, *((a.size // max(1, total) * count,) for a in copied))
    for start in range(0, total, max(1, count)):
        some = [
            a[start : start + count] if axis == 0 else a[:, start : start + count] for a in arrays
        ]
        unused = iter(memory)
        parts = [
            a if is_channels_last(whole) else _like(a, next(unused))
            for a, whole in zip(some, arrays, strict=True)
        ]
        for a, b in zip(some[y is not None :], parts[y is not None :], strict=True):
            if a is not b:
                copy(a, b)
        yield [pixels(a) for a in parts]
        if y is not None and parts[0] is not some[0]:
            copy(parts[0], some[0])


def _like(x: np.ndarray, memory: np.ndarray) -> np.ndarray:
    """An array like x, but channels-last, in this memory."""
    n, c, h, w = x.shape
    return memory[: x.size].reshape(n, h, w, c).transpose(0, 3, 1, 2)
