"""Index arithmetic of sliding windows, written once and compiled for each target.

Plain functions of integers: the reference calls them as they are, `cpu` under Numba's `njit`,
`cuda` as device functions. One axis at a time; `before` is the padding at its beginning.
"""

from __future__ import annotations


def source(position: int, tap: int, stride: int, before: int, dilation: int) -> int:
    """Pixel under a tap of the window at a position; outside the image if that is padding."""
    return position * stride - before + tap * dilation


def position(
    pixel: int, tap: int, stride: int, before: int, dilation: int, positions: int
) -> int:
    """Position at which a tap lies on a pixel, or -1: the inverse of `source`."""
    offset = pixel + before - tap * dilation
    at = offset // stride
    return at if offset >= 0 and at * stride == offset and at < positions else -1


def taps_inside(
    position: int, taps: int, stride: int, before: int, dilation: int, limit: int
) -> int:
    """How many taps of the window at a position lie on pixels from -before to below `limit`."""
    first = position * stride - before
    if first >= limit:
        return 0
    return min(taps, (limit - first - 1) // dilation + 1)
