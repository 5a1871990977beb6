"""Index arithmetic of sliding windows along one axis, for all kernel packages.

Plain functions of integers: `reference` calls them from Python, `cpu` compiles them with Numba,
`cuda` as device functions, which have no `min` and `max`. `before` is the padding before the axis.
"""

from __future__ import annotations

import math
from typing import NamedTuple


def source(position: int, tap: int, stride: int, before: int, dilation: int) -> int:
    """Pixel under a tap of the window at a position; outside the image it is padding."""
    return position * stride - before + tap * dilation


def position(pixel: int, tap: int, stride: int, before: int, dilation: int, positions: int) -> int:
    """Position at which a tap lies on a pixel, or -1: the inverse of `source`."""
    offset = pixel + before - tap * dilation
    at = offset // stride
    return at if offset >= 0 and at * stride == offset and at < positions else -1


def taps_inside(
    position: int, taps: int, stride: int, before: int, dilation: int, limit: int
) -> int:
    """The number of taps, at a position, on pixels from -before to below `limit`."""
    first = position * stride - before
    if first >= limit:
        return 0
    count = (limit - first - 1) // dilation + 1
    return count if count < taps else taps


def positions_inside(
    tap: int, stride: int, before: int, dilation: int, pixels: int, positions: int
) -> tuple[int, int]:
    """First and one past the last position at which a tap lies on the image."""
    offset = before - tap * dilation
    end = max(0, min(positions, (pixels - 1 + offset) // stride + 1))
    return min(end, max(0, -(-offset // stride))), end


def positions_over(
    pixel: int, taps: int, stride: int, before: int, dilation: int, positions: int
) -> tuple[int, int]:
    """First and one past the last position whose window spans a pixel."""
    end = (pixel + before) // stride + 1
    end = positions if end > positions else end
    first = -((dilation * (taps - 1) - pixel - before) // stride)
    first = 0 if first < 0 else first
    return first, end


def tap_on(position: int, pixel: int, stride: int, before: int, dilation: int) -> int:
    """Tap on a pixel that the window at a position spans, or -1 between two taps."""
    offset = pixel + before - position * stride
    tap = offset // dilation
    return tap if tap * dilation == offset else -1


class Phase(NamedTuple):
    """The pixels along one axis that the same taps reach: every `stride`-th from `pixel` on.

    Tap `tap + t * tap_step` lies on pixel `pixel + i * stride` at `position + i - t * drop`, for
    all `t` below `taps`; no other tap lies on these pixels. So a phase of an input gradient is a
    convolution of stride 1, without products with inserted zeros.
    """

    pixel: int
    pixels: int
    stride: int
    tap: int
    tap_step: int
    taps: int
    position: int
    drop: int


def phases(pixels: int, taps: int, stride: int, before: int, dilation: int) -> list[Phase]:
    """Divide the pixels along an axis into phases."""
    common = math.gcd(stride, dilation)
    step, drop = stride // common, dilation // common
    found = []
    for pixel in range(min(stride, pixels)):
        reaching = [
            t for t in range(min(step, taps)) if (pixel + before - t * dilation) % stride == 0
        ]
        tap = reaching[0] if reaching else taps
        count = -((tap - taps) // step)
        position = (pixel + before - tap * dilation) // stride
        members = -((pixel - pixels) // stride)
        found.append(Phase(pixel, members, stride, tap, step, count, position, drop))
    return found
