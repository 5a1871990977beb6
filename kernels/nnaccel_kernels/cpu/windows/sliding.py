"""Tables of the taps of a sliding window along one axis, for kernels to look up.

A table has a row for each target. Forward, targets are positions of the window, and sources are
pixels. In the adjoint, targets are pixels, and sources are positions.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

import numpy as np

from nnaccel_kernels.index import position, positions_inside, source
from nnaccel_kernels.window import Window

# Columns: the number of taps with a source inside, the first such tap and the step to the next, its
# source and the step to the next.
TAPS, TAP, TAP_STEP, SOURCE, SOURCE_STEP = range(5)


def tables(
    window: Window, image: np.ndarray, positions: np.ndarray, adjoint: bool = False
) -> tuple[np.ndarray, np.ndarray]:
    """Return the tables of both axes, for arrays (N, H, W, C)."""
    sizes = image.shape[1:3], positions.shape[1:3]
    down, across = (_table(*axis, adjoint) for axis in _axes(window, *sizes))
    return down, across


def _axes(window: Window, *sizes: tuple[int, ...]) -> Iterator[tuple[int, ...]]:
    """For each axis: taps, stride, padding before, dilation, and its sizes."""
    before = window.padding[::2]
    return zip(window.kernel_size, window.stride, before, window.dilation, *sizes, strict=True)


@lru_cache(maxsize=1024)
def _table(
    taps: int, stride: int, before: int, dilation: int, pixels: int, positions: int, adjoint: bool
) -> np.ndarray:
    rows = np.zeros((pixels if adjoint else positions, 5), np.int64)
    for target, row in enumerate(rows):
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
            row[:] = len(found), tap, next_tap - tap, at, next_at - at
    rows.flags.writeable = False
    return rows


# Columns, a row for each tap: the number of positions at which it lies on the image, the first such
# position, and the pixel there.
POSITIONS, POSITION, PIXEL = range(3)


def tap_tables(
    window: Window, image: tuple[int, int], positions: tuple[int, int]
) -> tuple[np.ndarray, np.ndarray]:
    """Return the tables of the taps along both axes, for sizes (H, W) and (OH, OW)."""
    down, across = (_tap_table(*axis) for axis in _axes(window, image, positions))
    return down, across


@lru_cache(maxsize=1024)
def _tap_table(
    taps: int, stride: int, before: int, dilation: int, pixels: int, positions: int
) -> np.ndarray:
    rows = np.zeros((taps, 3), np.int64)
    for tap, row in enumerate(rows):
        step = tap, stride, before, dilation
        first, end = positions_inside(*step, pixels, positions)
        if first < end:
            row[:] = end - first, first, source(first, *step)
    rows.flags.writeable = False
    return rows
