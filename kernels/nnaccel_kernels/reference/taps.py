"""A sliding window one tap at a time: which positions it serves, and the pixels it then lies on."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from nnaccel_kernels.index import positions_inside, source
from nnaccel_kernels.window import Window

Slices = tuple[Any, slice, slice]


def taps(
    window: Window, image: tuple[int, ...], positions: tuple[int, ...]
) -> Iterator[tuple[int, int, Slices, Slices]]:
    """Each tap (r, s) in scan order, with the slices of the positions and pixels it joins.

    `image` and `positions` are shapes that end with rows and columns. Taps outside the image
    are left out.
    """
    down, across = window.kernel_size
    columns = [_axis(window, 1, s, image[-1], positions[-1]) for s in range(across)]
    for r in range(down):
        at_row, row = _axis(window, 0, r, image[-2], positions[-2])
        for s, (at_column, column) in enumerate(columns):
            yield r, s, (..., at_row, at_column), (..., row, column)


def _axis(window: Window, axis: int, tap: int, pixels: int, positions: int) -> tuple[slice, slice]:
    stride, dilation = window.stride[axis], window.dilation[axis]
    before = window.padding[2 * axis]
    first, end = positions_inside(tap, stride, before, dilation, pixels, positions)
    if first == end:
        return slice(0, 0), slice(0, 0)
    start = source(first, tap, stride, before, dilation)
    stop = source(end - 1, tap, stride, before, dilation) + 1
    return slice(first, end), slice(start, stop, stride)
