"""Bands: a few rows of an image as channels-last pixels, with their padding.

Convolution kernels read bands, which fit in the cache and need no checks at the edges, whatever
the memory layout of the images.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba.extending import register_jitable

from nnaccel_kernels.cpu.matmul.transpose import transpose
from nnaccel_kernels.cpu.runtime.jit import njit
from nnaccel_kernels.cpu.vector.runs import copy_run


class Images(NamedTuple):
    """Sizes and memory layout of images in a flat array, as integers.

    `last` is 1 for channels-last images, 0 for C-contiguous ones.
    """

    batch: int
    channels: int
    height: int
    width: int
    last: int


def images_of(shape: tuple[int, ...], last: int = 0) -> Images:
    """The description of images of a shape (N, C, H, W)."""
    batch, channels, height, width = shape
    return Images(batch, channels, height, width, last)


def flat_images(x: np.ndarray) -> tuple[np.ndarray, Images]:
    """An array of images as a flat array, and its description."""
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
    """Index of the first channel of a pixel."""
    if images.last:
        return ((n * images.height + row) * images.width + col) * images.channels
    return (n * images.channels * images.height + row) * images.width + col


@njit(nogil=True, cache=True, error_model="numpy")
def load_rows(  # type: ignore[no-untyped-def]
    x, images, n, first, channels, top, left, rows, cols, band, at, depth
):
    """Fill the band that begins at band[at] with `channels` channels, from `first`, of image n.

    The band has `rows` rows and `cols` columns. It begins at (top, left) of the image, which may
    lie outside. A pixel takes `depth` elements; those after its channels become 0.
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
            transpose(channels, count, x, source + first * plane, plane, row, begin * depth, depth)


@njit(nogil=True, cache=True, error_model="numpy")
def store_rows(  # type: ignore[no-untyped-def]
    band, at, depth, cols, y, images, n, first, channels, top, rows
):
    """Write rows of a band to image n, from row `top` on, as far as they lie inside."""
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
            transpose(count, channels, band, source, depth, y, target + first * plane, plane)
