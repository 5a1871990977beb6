"""Average pooling; taps outside the image are left out."""

from __future__ import annotations

from typing import Any

from nnaccel_kernels.index import taps_inside
from nnaccel_kernels.reference.namespace import array_like, namespace
from nnaccel_kernels.reference.taps import taps
from nnaccel_kernels.window import Window

__all__ = ["avg_pool2d", "avg_pool2d_backward"]


def avg_pool2d(x: Any, window: Window, count_include_pad: bool, y: Any) -> None:
    """y = sum of the pixels under the window, divided by how many taps count."""
    y[...] = 0
    for _, _, at, pixels in taps(window, x.shape, y.shape):
        y[at] += x[pixels]
    y /= divisor(window, count_include_pad, x, y)


def avg_pool2d_backward(dy: Any, window: Window, count_include_pad: bool, dx: Any) -> None:
    """Share each dy equally among the pixels under its window."""
    share = dy / divisor(window, count_include_pad, dx, dy)
    dx[...] = 0
    for _, _, at, pixels in taps(window, dx.shape, dy.shape):
        dx[pixels] += share[at]


def divisor(window: Window, count_include_pad: bool, image: Any, positions: Any) -> Any:
    """How many taps count at each position (OH, OW); 1 where none does."""
    counts = []
    for axis in (0, 1):
        sliding = window.stride[axis], window.padding[2 * axis], window.dilation[axis]
        size, total = image.shape[2 + axis], window.kernel_size[axis]
        if count_include_pad:
            begin, end = -window.padding[2 * axis], size + window.padding[2 * axis + 1]
        else:
            begin, end = 0, size
        counts.append(
            [
                taps_inside(p, total, *sliding, end) - taps_inside(p, total, *sliding, begin)
                for p in range(positions.shape[2 + axis])
            ]
        )
    rows, columns = (array_like(image, count, image.dtype) for count in counts)
    return namespace(image).maximum(rows[:, None] * columns, 1)
