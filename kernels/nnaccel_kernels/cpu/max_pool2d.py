"""Max pooling, forward and backward."""

from __future__ import annotations

import math

import numpy as np

from nnaccel_kernels.cpu.copy import is_channels_last, pixels
from nnaccel_kernels.cpu.runtime.kernel import kernel
from nnaccel_kernels.cpu.runtime.sharing import share, threads_for
from nnaccel_kernels.cpu.windows.pairs import return_to_pairs
from nnaccel_kernels.cpu.windows.parts import plane_parts
from nnaccel_kernels.cpu.windows.sliding import SOURCE, SOURCE_STEP, TAPS, tables
from nnaccel_kernels.cpu.windows.taps import return_to_maxima, window_maxima
from nnaccel_kernels.window import Window

__all__ = ["max_pool2d", "max_pool2d_backward"]

_BLOCK = 16  # channels of one thread at least, in the backward pass


@kernel
def _max_pool2d(rank, size, x, down, across, y):  # type: ignore[no-untyped-def]
    _, height, width, channels = x.shape
    _, rows, positions, _ = y.shape
    lo, hi = share(y.shape[0] * rows, rank, size)
    for item in range(lo, hi):
        n, r = item // rows, down[item % rows]
        for j in range(positions):
            s = across[j]
            first = ((n * height + r[SOURCE]) * width + s[SOURCE]) * channels
            row, column = r[SOURCE_STEP] * width * channels, s[SOURCE_STEP] * channels
            window_maxima(
                (channels, r[TAPS], s[TAPS]),
                (x, first, row, column, 1),
                (y, (item * positions + j) * channels, 0, 0, 1),
            )


@kernel
def _max_pool2d_backward(rank, size, dy, x, y, down, across, dx):  # type: ignore[no-untyped-def]
    images, height, width, channels = x.shape
    _, rows, positions, _ = y.shape
    blocks = 1 if images % size == 0 else max(1, min(size, channels // _BLOCK))
    lo, hi = share(images * blocks, rank, size)
    for item in range(lo, hi):
        n, block = item // blocks, item % blocks
        begin, end = channels * block // blocks, channels * (block + 1) // blocks
        clean = 0  # rows set to 0 so far: those that windows have reached
        for i in range(rows):
            r = down[i]
            reached = r[SOURCE] + max(0, r[TAPS] - 1) * r[SOURCE_STEP] + 1
            if reached > clean:
                dx[n, clean:reached, :, begin:end] = 0
                clean = reached
            row = r[SOURCE_STEP] * width * channels
            for j in range(positions):
                s = across[j]
                at = ((n * rows + i) * positions + j) * channels + begin
                first = ((n * height + r[SOURCE]) * width + s[SOURCE]) * channels + begin
                column = s[SOURCE_STEP] * channels
                return_to_maxima(
                    (end - begin, r[TAPS], s[TAPS]),
                    (dy, at, 0, 0, 1),
                    (x, first, row, column, 1),
                    (y, at, 0, 0, 1),
                    (dx, first, row, column, 1),
                )
        dx[n, clean:, :, begin:end] = 0


@kernel
def _max_pool2d_backward_of_pairs(rank, size, dy, x, y, dx):  # type: ignore[no-untyped-def]
    """Like the other, for 2x2 windows side by side, in arrays (N, H, W, C) or (planes, H, W, 1)."""
    images, height, width, channels = x.shape
    _, rows, positions, _ = y.shape
    below, used = width * channels, 2 * positions * channels
    flat = dx.reshape(-1)
    lo, hi = share(images * rows, rank, size)
    n, i = lo // rows, lo % rows
    for item in range(lo, hi):
        row, at = (n * height + 2 * i) * below, item * positions * channels
        if channels == 1:
            return_to_pairs(positions, 1, below, dy, x, y, at, dx, row)
        else:
            for j in range(positions):
                first = row + 2 * j * channels
                return_to_pairs(channels, channels, below, dy, x, y, at + j * channels, dx, first)
        if used < below:  # columns that no window reaches
            flat[row + used : row + below] = 0
            flat[row + below + used : row + 2 * below] = 0
        i += 1
        if i == rows:
            if 2 * rows < height:  # and rows
                flat[row + 2 * below : (n + 1) * height * below] = 0
            n, i = n + 1, 0


def max_pool2d(x: np.ndarray, window: Window, y: np.ndarray) -> None:
    """y = the largest pixel under the window, or NaN if one is."""
    width = threads_for(y.size * math.prod(window.kernel_size))
    for target, image in plane_parts(y, x):
        _max_pool2d(image, *tables(window, image, target), target, width=width)


def max_pool2d_backward(
    dy: np.ndarray, x: np.ndarray, y: np.ndarray, window: Window, dx: np.ndarray
) -> None:
    """Add each dy to dx at the first tap, in scan order, with the maximum or a NaN."""
    width = threads_for(y.size * math.prod(window.kernel_size) * 4.0)
    direct = _pairs(window, dx, dy, x, y)
    if direct:
        target, *sources = direct
        _max_pool2d_backward_of_pairs(*sources, target, width=width)
        return
    for target, *sources in plane_parts(dx, dy, x, y):
        steps = tables(window, target, sources[0])
        _max_pool2d_backward(*sources, *steps, target, width=width)


def _pairs(window: Window, *arrays: np.ndarray) -> list[np.ndarray]:
    """The arrays as `_max_pool2d_backward_of_pairs` takes them, or none if it cannot."""
    dx, dy, *_ = arrays
    inside = all(0 < 2 * dy.shape[axis] <= dx.shape[axis] for axis in (2, 3))
    if window != Window((2, 2), (2, 2)) or not inside:
        return []
    if all(a.flags.c_contiguous for a in arrays):
        return [a.reshape(-1, *a.shape[2:], 1) for a in arrays]
    return [pixels(a) for a in arrays] if all(map(is_channels_last, arrays)) else []
