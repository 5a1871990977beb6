"""The patches of an image as a matrix (C/groups * R * S, N * OH * OW) that is never stored."""

from __future__ import annotations

from nnaccel_kernels.cuda.runtime.index import column, device, is_on, row


@device
def split(index, size):  # type: ignore[no-untyped-def]
    """Quotient and remainder, of one division."""
    quotient = index // size
    return quotient, index - quotient * size


@device
def pixel_of(p, height, width):  # type: ignore[no-untyped-def]
    """The (n, i, j) of pixel p, counted through all images."""
    n, pixel = split(p, height * width)
    i, j = split(pixel, width)
    return n, i, j


@device
def tap_of(q, down, across):  # type: ignore[no-untyped-def]
    """The (c, r, s) of tap q, counted through the filters of all channels."""
    c, tap = split(q, down * across)
    r, s = split(tap, across)
    return c, r, s


@device
def corner_of(p, size, window):  # type: ignore[no-untyped-def]
    """Image, and row and column under the first tap, of position p among `size` (OH, OW)."""
    n, i, j = pixel_of(p, size[0], size[1])
    return n, row(i, 0, window), column(j, 0, window)


@device
def offset_of(q, window):  # type: ignore[no-untyped-def]
    """Channel, and rows and columns from the first tap, of tap q."""
    c, r, s = tap_of(q, window.kernel_size[0], window.kernel_size[1])
    return c, r * window.dilation[0], s * window.dilation[1]


@device
def patch(group, corner, offset, x, channels):  # type: ignore[no-untyped-def]
    """Pixel of x at an offset from a corner, or 0, in a group of that many channels."""
    n, top, left = corner
    c, down, across = offset
    h, v = top + down, left + across
    if n < x.shape[0] and c < channels and is_on(h, v, x):
        return x[n, group * channels + c, h, v]
    return x.dtype.type(0)


def as_it_is(index, args):  # type: ignore[no-untyped-def]
    """The line or step of a matrix in memory."""
    return index, 0, 0
