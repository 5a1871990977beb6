"""The matrix of patches (R * S * C/groups, N * OH * OW) of an image, by offsets into the image.

Its rows are the taps, the channels of a tap side by side, and its columns are the positions of the
window. A pixel's offset is the sum of one for the tap and one for the position.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numba import int32

from nnaccel_kernels.cuda.runtime.divide import Divisor, divide, divisor
from nnaccel_kernels.cuda.runtime.index import device
from nnaccel_kernels.cuda.runtime.tile_memory import vector_length
from nnaccel_kernels.cuda.skeletons.gather import OUTSIDE
from nnaccel_kernels.half import wide

_MAX_OFFSET = (1 << 31) - 1


class Pair(NamedTuple):
    """A number for each axis of an image."""

    down: np.int32
    across: np.int32


class Pixels(NamedTuple):
    """Where the items of images (N, C, H, W) are.

    Attributes
    ----------
    images : numpy.int32
        How many.
    size : Pair
        (H, W).
    image, channel : numpy.int32
        Items from one to the next.
    step : Pair
        Items from one row, or column, to the next.
    """

    images: np.int32
    size: Pair
    image: np.int32
    channel: np.int32
    step: Pair


class Patches(NamedTuple):
    """Patches of images: tap t at position i is on pixel first + i * step + t * tap_step.

    Attributes
    ----------
    pixels : Pixels
    channels, positions, width, taps : Divisor
        Channels of a group, positions of an image and of a row, and taps of a row.
    first, step, tap_step : Pair
        See above.
    """

    pixels: Pixels
    channels: Divisor
    positions: Divisor
    width: Divisor
    taps: Divisor
    first: Pair
    step: Pair
    tap_step: Pair


def pair(numbers: Any) -> Pair:
    """Two 32-bit numbers."""
    return Pair(*map(np.int32, numbers))


def pixels_of(image: Any) -> Pixels:
    """Where the items of an image are."""
    n, _, *size = image.shape
    image_step, channel, *steps = (np.int32(s // image.itemsize) for s in image.strides)
    return Pixels(np.int32(n), pair(size), image_step, channel, pair(steps))


def patches_of(
    image: Any, channels: int, positions: Any, taps: Any, first: Any, step: Any, tap_step: Any
) -> Patches:
    """The patches of an image by group of so many channels; the rest has a number an axis."""
    return Patches(
        pixels_of(image),
        divisor(channels),
        divisor(positions[0] * positions[1]),
        divisor(positions[1]),
        divisor(taps[1]),
        pair(first),
        pair(step),
        pair(tap_step),
    )


def images_at_once(*images: Any) -> int:
    """How many images are within reach of 32-bit offsets.

    Raises
    ------
    ValueError
        If not even one is.
    """
    count = _MAX_OFFSET
    for a in images:
        steps = [abs(s) // a.itemsize for s in a.strides]
        last = sum((size - 1) * step for size, step in zip(a.shape[1:], steps[1:], strict=True))
        if last > _MAX_OFFSET:
            raise ValueError(
                f"an image of shape {a.shape[1:]} is too large for algorithm 'gemm', whose offsets "
                "have 32 bits: use algorithm 'im2col' or 'direct'"
            )
        count = min(count, (_MAX_OFFSET - last) // max(1, steps[0]) + 1)
    return count


def has_vectors(image: Any, channels: int, length: int | None = None) -> bool:
    """Whether groups of `channels` can be loaded by `length`: aligned and NHWC.

    The default is a vector's length in the accumulation dtype.
    """
    length = length or vector_length(wide(image.dtype).itemsize)
    address = image.ctypes.data if isinstance(image, np.ndarray) else image.data.ptr
    steps = [image.strides[axis] for axis in (0, 2, 3) if image.shape[axis] > 1]
    return (
        image.strides[1] == image.itemsize
        and channels % length == 0
        and all(value % (length * image.itemsize) == 0 for value in (*steps, address))
    )


@device
def position_of(p, patches):  # type: ignore[no-untyped-def]
    """(n, i, j) of position p of all images of a batch."""
    n, position = divide(p, patches.positions)
    i, j = divide(position, patches.width)
    return n, i, j


@device
def tap_of(q, patches):  # type: ignore[no-untyped-def]
    """(c, r, s) of row q of the patches."""
    tap, c = divide(q, patches.channels)
    r, s = divide(tap, patches.taps)
    return c, r, s


@device
def pixel_offset(n, h, v, pixels):  # type: ignore[no-untyped-def]
    """Offset of pixel (h, v) of image n in channel 0."""
    return int32(n * pixels.image + h * pixels.step.down + v * pixels.step.across)


@device
def corner(p, patches):  # type: ignore[no-untyped-def]
    """Offset, row and column of the pixel under the first tap at position p."""
    n, i, j = position_of(p, patches)
    h = int32(patches.first.down + i * patches.step.down)
    v = int32(patches.first.across + j * patches.step.across)
    offset = pixel_offset(n, h, v, patches.pixels)
    return offset, h if n < patches.pixels.images else int32(OUTSIDE), v


@device
def tap_offset(q, patches):  # type: ignore[no-untyped-def]
    """Offset, rows and columns of row q of the patches from the pixel under the first tap."""
    c, r, s = tap_of(q, patches)
    h, v = int32(r * patches.tap_step.down), int32(s * patches.tap_step.across)
    return int32(pixel_offset(0, h, v, patches.pixels) + c * patches.pixels.channel), h, v
