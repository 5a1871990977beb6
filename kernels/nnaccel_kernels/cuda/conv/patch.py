"""The matrix of patches (C/groups * R * S, N * OH * OW) of an image, computed by element."""

from __future__ import annotations

from nnaccel_kernels.cuda.runtime.index import column, device, is_inside, row


@device
def split(index, size):  # type: ignore[no-untyped-def]
    """Quotient and remainder with one division."""
    quotient = index // size
    return quotient, index - quotient * size


@device
def pixel_of(p, height, width):  # type: ignore[no-untyped-def]
    """(n, i, j) of pixel p of all images of a batch."""
    n, pixel = split(p, height * width)
    i, j = split(pixel, width)
    return n, i, j


@device
def tap_of(q, down, across):  # type: ignore[no-untyped-def]
    """(c, r, s) of tap q of all channels."""
    c, tap = split(q, down * across)
    r, s = split(tap, across)
    return c, r, s


@device
def corner_of(p, size, window):  # type: ignore[no-untyped-def]
    """Image, and row and column under the first tap, for position p; `size` is (OH, OW)."""
    n, i, j = pixel_of(p, size[0], size[1])
    return n, row(i, 0, window), column(j, 0, window)


@device
def offset_of(q, window):  # type: ignore[no-untyped-def]
    """Channel of tap q, and its rows and columns from the first tap."""
    c, r, s = tap_of(q, window.kernel_size[0], window.kernel_size[1])
    return c, r * window.dilation[0], s * window.dilation[1]


@device
def patch(group, corner, offset, x, channels):  # type: ignore[no-untyped-def]
    """Pixel of x at an offset from a corner, or 0; `channels` is the size of a group."""
    n, top, left = corner
    c, down, across = offset
    h, v = top + down, left + across
    if n < x.shape[0] and c < channels and is_inside(h, v, x):
        return x[n, group * channels + c, h, v]
    return x.dtype.type(0)


def matrix_index(index, args):  # type: ignore[no-untyped-def]
    """Line or step of a factor that is an array."""
    return index, 0, 0
