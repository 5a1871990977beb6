"""Bands: some rows of an image as channels-last pixels, with the padding around them written out.

Whatever memory order images have, the convolution kernels see bands: small enough for the cache,
and without edges to look out for.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba.extending import register_jitable

from nnaccel_kernels.cpu.matmul.transpose import turn
from nnaccel_kernels.cpu.runtime.jit import njit
from nnaccel_kernels.cpu.runtime.simd import copy_run


class Images(NamedTuple):
    """How a flat array holds images: all of them integers.

    `last` is 1 if channels are the last axis of memory, 0 if they come before the pixels.
    """

    batch: int
    channels: int
    height: int
    width: int
    last: int


def images_of(shape: tuple[int, ...], last: int = 0) -> Images:
    """Describe an array of images by its logical shape (N, C, H, W) and its memory order."""
    batch, channels, height, width = shape
    return Images(batch, channels, height, width, last)


def flat_images(x: np.ndarray) -> tuple[np.ndarray, Images]:
    """The memory of an array of images, and how it holds them."""
    if x.flags.c_contiguous and x.shape[1] > 1:
        return x.reshape(-1), images_of(x.shape, 0)
    pixels = x.transpose(0, 2, 3, 1)
    if not pixels.flags.c_contiguous:  # one channel, in C order
        pixels = x.reshape(pixels.shape)
    return pixels.reshape(-1), images_of(x.shape, 1)


@register_jitable
def strides(images):  # type: ignore[no-untyped-def]
    """Elements from a pixel to the next, and from a channel to the next."""
    if images.last:
        return images.channels, 1
    return 1, images.height * images.width


@register_jitable
def pixel_at(images, n, row, col):  # type: ignore[no-untyped-def]
    """Where the first channel of a pixel is."""
    if images.last:
        return ((n * images.height + row) * images.width + col) * images.channels
    return (n * images.channels * images.height + row) * images.width + col


@njit(nogil=True, cache=True, error_model="numpy")
def load_rows(  # type: ignore[no-untyped-def]
    x, images, n, first, channels, top, left, rows, cols, band, at, depth
):
    """Fill a band at band[at] with `channels` channels, from `first`, of image n.

    Its `rows` rows and `cols` columns begin at (top, left) of the image, which may lie outside;
    its pixels are `depth` elements apart, of which those after the channels become 0.
    """
    zero = band.dtype.type(0)
    begin, end = max(0, -left), max(0, min(cols, images.width - left))
    for i in range(rows):
        row = band[at + i * cols * depth : at + (i + 1) * cols * depth]
        inside = 0 <= top + i < images.height and begin < end
        if not inside:
            row[:] = zero
            continue
        row[: begin * depth] = zero
        row[end * depth :] = zero
        source = pixel_at(images, n, top + i, left + begin)
        count = end - begin
        if images.last:
            source += first
            if depth == images.channels:
                copy_run(count * depth, x, source, row, begin * depth)
            else:
                for j in range(count):
                    place = (begin + j) * depth
                    copy_run(channels, x, source + j * images.channels, row, place)
                    row[place + channels : place + depth] = zero
        else:
            plane = images.height * images.width
            if depth > channels:
                row[begin * depth : end * depth] = zero
            turn(channels, count, x, source + first * plane, plane, row, begin * depth, depth)


@njit(nogil=True, cache=True, error_model="numpy")
def store_rows(  # type: ignore[no-untyped-def]
    band, at, depth, cols, y, images, n, first, channels, top, rows
):
    """Write rows of a band, as far as they lie inside, to rows `top`… of image n."""
    count = min(cols, images.width)
    for i in range(min(rows, images.height - top)):
        source = at + i * cols * depth
        target = pixel_at(images, n, top + i, 0)
        if images.last:
            target += first
            if depth == images.channels:
                copy_run(count * depth, band, source, y, target)
            else:
                for j in range(count):
                    copy_run(channels, band, source + j * depth, y, target + j * images.channels)
        else:
            plane = images.height * images.width
            turn(count, channels, band, source, depth, y, target + first * plane, plane)
