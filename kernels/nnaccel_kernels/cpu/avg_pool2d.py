"""Average pooling, forward and backward: both are sums of products under windows."""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
from numba import njit

from nnaccel_kernels.cpu.copy import is_channels_last, pixels
from nnaccel_kernels.cpu.runtime.kernel import kernel
from nnaccel_kernels.cpu.runtime.sharing import share, threads_for
from nnaccel_kernels.cpu.windows.parts import plane_parts
from nnaccel_kernels.cpu.windows.sliding import SOURCE, SOURCE_STEP, TAPS, tables
from nnaccel_kernels.cpu.windows.taps import window_products
from nnaccel_kernels.index import taps_inside
from nnaccel_kernels.window import Window

__all__ = ["avg_pool2d", "avg_pool2d_backward"]


@kernel
def _avg_pool2d(rank, size, x, down, across, weights, y):  # type: ignore[no-untyped-def]
    _, height, width, channels = x.shape
    _, rows, positions, _ = y.shape
    lo, hi = share(y.shape[0] * rows, rank, size)
    for item in range(lo, hi):
        n, i = item // rows, item % rows
        r = down[i]
        for j in range(positions):
            s = across[j]
            first = ((n * height + r[SOURCE]) * width + s[SOURCE]) * channels
            row, column = r[SOURCE_STEP] * width * channels, s[SOURCE_STEP] * channels
            window_products(
                (channels, r[TAPS], s[TAPS]),
                (x, first, row, column, 1),
                (weights, i * positions + j, 0, 0, 0),
                (y, (item * positions + j) * channels, 0, 0, 1),
                0,
            )


@kernel
def _avg_pool2d_backward(rank, size, dy, down, across, weights, dx):  # type: ignore[no-untyped-def]
    _, rows, positions, channels = dy.shape
    _, height, width, _ = dx.shape
    lo, hi = share(dx.shape[0] * height, rank, size)
    for item in range(lo, hi):
        n, r = item // height, down[item % height]
        for j in range(width):
            s = across[j]
            first = r[SOURCE] * positions + s[SOURCE]
            row, column = r[SOURCE_STEP] * positions, s[SOURCE_STEP]
            at = (n * rows * positions + first) * channels
            window_products(
                (channels, r[TAPS], s[TAPS]),
                (dy, at, row * channels, column * channels, 1),
                (weights, first, row, column, 0),
                (dx, (item * width + j) * channels, 0, 0, 1),
                0,
            )


@njit(nogil=True, inline="always")
def _share_equally(dy, weight, dx, columns):  # type: ignore[no-untyped-def]
    """Write dy * weight to the first pixels of dx."""
    for column in range(columns):
        pixel = dx[column * dy.size : (column + 1) * dy.size]
        for c in range(pixel.size):
            pixel[c] = dy[c] * weight


@kernel
def _avg_pool2d_backward_of_tiles(rank, size, dy, down, across, weights, dx):  # type: ignore[no-untyped-def]
    """Like the other, for windows that do not overlap: their rows of pixels are alike."""
    _, rows, positions, channels = dy.shape
    _, height, width, _ = dx.shape
    below = width * channels
    flat, gradient = dx.reshape(-1), dy.reshape(-1)
    lo, hi = share(dy.shape[0] * rows, rank, size)
    for item in range(lo, hi):
        n, i = item // rows, item % rows
        begin = (n * height + i * down) * below
        first = flat[begin : begin + below]
        for j in range(positions):
            at = (item * positions + j) * channels
            source = gradient[at : at + channels]
            _share_equally(source, weights[i, j], first[j * across * channels :], across)
        first[positions * across * channels :] = 0
        for row in range(1, down):
            other = flat[begin + row * below : begin + (row + 1) * below]
            for k in range(other.size):
                other[k] = first[k]
        if i == rows - 1:
            flat[begin + down * below : (n + 1) * height * below] = 0


def avg_pool2d(x: np.ndarray, window: Window, count_include_pad: bool, y: np.ndarray) -> None:
    """y = the sum of the pixels under the window, divided by the number of taps that count."""
    weights = _weights(window, x.shape[2:], y.shape[2:], count_include_pad, y.dtype)
    work = threads_for(y.size * math.prod(window.kernel_size) * 2.0)
    for target, image in plane_parts(y, x):
        _avg_pool2d(image, *tables(window, image, target), weights, target, width=work)


def avg_pool2d_backward(
    dy: np.ndarray, window: Window, count_include_pad: bool, dx: np.ndarray
) -> None:
    """Share each dy equally among the pixels under its window."""
    weights = _weights(window, dx.shape[2:], dy.shape[2:], count_include_pad, dx.dtype)
    work = threads_for(dx.size * 4.0 + dy.size * math.prod(window.kernel_size) * 2.0)
    if _are_tiles(window, dx, dy):
        size = window.kernel_size
        _avg_pool2d_backward_of_tiles(pixels(dy), *size, weights, pixels(dx), width=work)
        return
    for target, source in plane_parts(dx, dy):
        steps = tables(window, target, source, adjoint=True)
        _avg_pool2d_backward(source, *steps, weights, target, width=work)


def _are_tiles(window: Window, dx: np.ndarray, dy: np.ndarray) -> bool:
    """Whether windows lie side by side, inside images that are channels-last."""
    size = window.kernel_size
    inside = all(0 < dy.shape[a] * size[a - 2] <= dx.shape[a] for a in (2, 3))
    last = is_channels_last(dx) and is_channels_last(dy) and dx.shape[1] > 1
    return window == Window(size, size) and inside and last


@lru_cache(maxsize=256)
def _weights(
    window: Window,
    image: tuple[int, int],
    positions: tuple[int, int],
    count_include_pad: bool,
    dtype: np.dtype,
) -> np.ndarray:
    """1 / the number of taps that count, for each position (OH, OW)."""
    rows, columns = (
        [
            _counted(window, axis, place, image[axis], count_include_pad)
            for place in range(positions[axis])
        ]
        for axis in (0, 1)
    )
    weights: np.ndarray = (1 / np.maximum(1, np.outer(rows, columns))).astype(dtype)
    weights.flags.writeable = False
    return weights


def _counted(window: Window, axis: int, place: int, pixels: int, count_include_pad: bool) -> int:
    """The number of taps that count at a position, along one axis."""
    before, after = window.padding[2 * axis : 2 * axis + 2]
    step = window.stride[axis], before, window.dilation[axis]
    begin, end = (-before, pixels + after) if count_include_pad else (0, pixels)
    taps = window.kernel_size[axis]
    return taps_inside(place, taps, *step, end) - taps_inside(place, taps, *step, begin)
