"""Tables of where a sliding window's taps lie, one axis at a time, for kernels to look up.

A table has a line for each target. Forward, targets are positions of the window and its sources the
pixels of the image; in the adjoint, targets are pixels, and sources the positions whose windows
reach them.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

import numpy as np

from nnaccel_kernels.index import position, positions_inside, source
from nnaccel_kernels.window import Window

# A line: how many taps have a source inside, the first of them, how far apart they are, and the
# first source, and how far apart sources are.
TAPS, TAP, TAP_STEP, SOURCE, SOURCE_STEP = range(5)


def tables(
    window: Window, image: np.ndarray, positions: np.ndarray, adjoint: bool = False
) -> tuple[np.ndarray, np.ndarray]:
    """Tables for the rows and the columns; both arrays are (N, H, W, C)."""
    sizes = image.shape[1:3], positions.shape[1:3]
    down, across = (_table(*axis, adjoint) for axis in _axes(window, *sizes))
    return down, across


def _axes(window: Window, *sizes: tuple[int, ...]) -> Iterator[tuple[int, ...]]:
    """For rows and for columns: taps, stride, padding before, dilation, and the sizes."""
    before = window.padding[::2]
    return zip(window.kernel_size, window.stride, before, window.dilation, *sizes, strict=True)


@lru_cache(maxsize=1024)
def _table(
    taps: int, stride: int, before: int, dilation: int, pixels: int, positions: int, adjoint: bool
) -> np.ndarray:
    lines = np.zeros((pixels if adjoint else positions, 5), np.int64)
    for target, line in enumerate(lines):
        if adjoint:
            sources = [
                position(target, t, stride, before, dilation, positions) for t in range(taps)
            ]
        else:
            sources = [source(target, t, stride, before, dilation) for t in range(taps)]
        end = positions if adjoint else pixels
        found = [(tap, at) for tap, at in enumerate(sources) if 0 <= at < end]
        if found:
            (tap, at), (next_tap, next_at) = found[0], found[min(1, len(found) - 1)]
            line[:] = len(found), tap, next_tap - tap, at, next_at - at
    lines.flags.writeable = False
    return lines


# A line for a tap: at how many positions it lies on the image, the first of them, and its pixel.
POSITIONS, POSITION, PIXEL = range(3)


def tap_tables(
    window: Window, image: tuple[int, int], positions: tuple[int, int]
) -> tuple[np.ndarray, np.ndarray]:
    """Tables for the rows and the columns of the window, given (H, W) and (OH, OW)."""
    down, across = (_tap_table(*axis) for axis in _axes(window, image, positions))
    return down, across


@lru_cache(maxsize=1024)
def _tap_table(
    taps: int, stride: int, before: int, dilation: int, pixels: int, positions: int
) -> np.ndarray:
    lines = np.zeros((taps, 3), np.int64)
    for tap, line in enumerate(lines):
        step = tap, stride, before, dilation
        first, end = positions_inside(*step, pixels, positions)
        if first < end:
            line[:] = end - first, first, source(first, *step)
    lines.flags.writeable = False
    return lines
