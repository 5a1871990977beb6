"""Images beside what is pooled from them, as flat arrays of vectors with 32-bit indices.

A vector holds channels of a pixel where images are channels-last. Else it holds pixels of a row,
and where windows lie side by side those of several windows.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from nnaccel_kernels.cuda.runtime.divide import Divisor, divisor
from nnaccel_kernels.cuda.runtime.launch import blocks, power_of_two
from nnaccel_kernels.cuda.runtime.vectors import lanes_of
from nnaccel_kernels.cuda.skeletons.fixed_window import FixedSize, fixed_size
from nnaccel_kernels.window import Window

REACH = (1 << 31) - (1 << 22)  # items of an array in one launch; no index of a thread goes beyond
_MAX_BLOCKS = 4096  # enough to fill any device


class Sizes(NamedTuple):
    """Sizes of images x (n, height, width, run * channels) and y (n, rows, columns, channels).

    Attributes
    ----------
    positions : numpy.int32
        Of the window, in all images.
    """

    positions: np.int32
    rows: Divisor
    columns: Divisor
    height: np.int32
    width: np.int32
    channels: np.int32


class Variant(NamedTuple):
    """What a kernel is compiled for.

    Attributes
    ----------
    size : FixedSize
        Of the window, if it is a common one.
    lanes, run : int
        Neighbours in y that a thread takes at a time, and neighbours in x for each of them.
    inside : bool
        Whether all windows lie within the images.
    """

    size: FixedSize
    lanes: int
    run: int
    inside: bool


class Pooled(NamedTuple):
    """Flat arrays shaped like x, and like y, and how a kernel goes through them."""

    x: tuple[Any, ...]
    y: tuple[Any, ...]
    sizes: Sizes
    window: Window
    variant: Variant

    def grid(self, threads: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """Grid and block over vectors and positions."""
        across = int(self.sizes.channels) // self.variant.lanes
        block = power_of_two(across, threads)
        grid, down = blocks(across, block), blocks(int(self.sizes.positions), threads // block)
        return (grid, min(down, max(1, _MAX_BLOCKS // grid))), (block, threads // block)


def is_inside(window: Window, x: Any, y: Any) -> bool:
    """Whether all windows lie within the images, and within what cropping leaves of them."""
    for axis, extent in enumerate(window.extent):
        before, after = window.padding[2 * axis : 2 * axis + 2]
        last = (y.shape[2 + axis] - 1) * window.stride[axis] - before + extent
        if before > 0 or last > x.shape[2 + axis] + min(after, 0):
            return False
    return True


def in_pieces(window: Window, x: tuple[Any, ...], y: tuple[Any, ...]) -> Iterator[Pooled]:
    """Images in memory of one order and without gaps, so many at a time as 32 bits reach.

    Nothing if they are no such images, or if even one is beyond reach.
    """
    axes = _common_order(*x, *y)
    if axes is None:
        return
    inside = is_inside(window, x[0], y[0])
    x, y = (tuple(_as_lines(a, axes) for a in arrays) for arrays in (x, y))
    largest = max(a[0].size for a in (x[0], y[0]))
    if 0 < largest <= REACH:
        count = REACH // largest
        for first in range(0, len(y[0]), count):
            some = slice(first, first + count)
            yield _pooled(window, inside, [a[some] for a in x], [a[some] for a in y])


def _common_order(*images: Any) -> tuple[int, ...] | None:
    for axes in ((0, 1, 2, 3), (0, 2, 3, 1)):
        if all(a.size and a.transpose(axes).flags.c_contiguous for a in images):
            return axes
    return None


def _as_lines(image: Any, axes: tuple[int, ...]) -> Any:
    """Images (N, H, W, C) of channels-last ones, or (N * C, H, W, 1)."""
    n, c, *size = image.shape
    return image.reshape(n * c, *size, 1) if axes[1] == 1 else image.transpose(axes)


def _pooled(window: Window, inside: bool, x: list[Any], y: list[Any]) -> Pooled:
    """The arguments for images (n, height, width, channels)."""
    (n, rows, columns, channels), (_, height, width, _) = y[0].shape, x[0].shape
    lanes, run, size = lanes_of(*x, *y), 1, fixed_size(window)
    if channels > 1:
        lanes = min(lanes, channels & -channels)
    else:
        wide, run = min(lanes, width & -width), window.kernel_size[1]
        if inside and run in (2, 4) and run <= wide and _side_by_side(window, columns, width):
            lanes = channels = wide // run
            columns, width = columns // lanes, width // wide
            window = _down(window)
            size = (window.kernel_size, window.stride) if size else None
        else:
            lanes = run = 1
    sizes = np.int32(height), np.int32(width), np.int32(channels)
    return Pooled(
        tuple(a.reshape(-1) for a in x),
        tuple(a.reshape(-1) for a in y),
        Sizes(np.int32(n * rows * columns), divisor(rows), divisor(columns), *sizes),
        Window(*(tuple(map(np.int32, part)) for part in window)),  # type: ignore[arg-type]
        Variant(size, lanes, run, inside),
    )


def _side_by_side(window: Window, columns: int, width: int) -> bool:
    """Whether the windows of a row take each of its pixels once."""
    taps = window.kernel_size[1]
    alone = window.stride[1] == taps and window.dilation[1] == 1 and window.padding[2] == 0
    return alone and columns * taps == width


def _down(window: Window) -> Window:
    """The same rows of a window, and one column."""
    (rows, _), (step, _), (top, bottom, *_), (apart, _) = window
    return Window((rows, 1), (step, 1), (top, bottom, 0, 0), (apart, 1))
