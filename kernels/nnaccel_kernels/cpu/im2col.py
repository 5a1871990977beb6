"""im2col, the matrix with the window at each position as a column, and its adjoint col2im."""

from __future__ import annotations

import numpy as np
from numba import njit

from nnaccel_kernels.cpu.copy import copy
from nnaccel_kernels.cpu.runtime.kernel import kernel
from nnaccel_kernels.cpu.runtime.sharing import share, threads_for
from nnaccel_kernels.cpu.vector.runs import copy_run
from nnaccel_kernels.cpu.windows.sliding import PIXEL, POSITION, POSITIONS, tap_tables
from nnaccel_kernels.window import Window

__all__ = ["col2im", "im2col"]

_inline = njit(nogil=True, inline="always")


@_inline
def _take(x, step, y):  # type: ignore[no-untyped-def]
    """y = x[::step]."""
    if step == 1:
        copy_run(y.size, x, 0, y, 0)
    else:
        for i in range(y.size):
            y[i] = x[i * step]


@_inline
def _add(x, step, y):  # type: ignore[no-untyped-def]
    """y[::step] += x."""
    if step == 1:
        for i in range(x.size):
            y[i] += x[i]
    else:
        for i in range(x.size):
            y[i * step] += x[i]


@kernel
def _im2col(rank, size, x, down, across, step_down, step_across, cols):  # type: ignore[no-untyped-def]
    """cols (planes, R * S, OH, OW) = the pixels of x (planes, H, W) under each tap."""
    planes, taps, rows, _ = cols.shape
    lo, hi = share(planes * taps, rank, size)
    for item in range(lo, hi):
        plane, tap = item // taps, item % taps
        r, s = down[tap // across.shape[0]], across[tap % across.shape[0]]
        begin, end = s[POSITION], s[POSITION] + s[POSITIONS]
        for i in range(rows):
            line = cols[plane, tap, i]
            k = i - r[POSITION]
            if 0 <= k < r[POSITIONS] and begin < end:
                line[:begin] = 0
                pixels = x[plane, r[PIXEL] + k * step_down]
                _take(pixels[s[PIXEL] :], step_across, line[begin:end])
                line[end:] = 0
            else:
                line[:] = 0


@kernel
def _col2im(rank, size, cols, down, across, step_down, step_across, dx):  # type: ignore[no-untyped-def]
    """dx (planes, H, W) = the sum of cols (planes, R * S, OH, OW) at each pixel."""
    planes, taps, _, _ = cols.shape
    lo, hi = share(planes, rank, size)
    for plane in range(lo, hi):
        dx[plane] = 0
        for tap in range(taps):
            r, s = down[tap // across.shape[0]], across[tap % across.shape[0]]
            begin, end = s[POSITION], s[POSITION] + s[POSITIONS]
            for k in range(r[POSITIONS]):
                line = cols[plane, tap, r[POSITION] + k, begin:end]
                pixels = dx[plane, r[PIXEL] + k * step_down]
                _add(line, step_across, pixels[s[PIXEL] :])


def im2col(x: np.ndarray, window: Window, cols: np.ndarray) -> None:
    """cols[n, (c, r, s), (i, j)] = the pixel of channel c under tap (r, s) at position (i, j)."""
    if not x.flags.c_contiguous:
        x, original = np.empty(x.shape, x.dtype), x
        copy(original, x)
    planes, by_tap, steps = _planes(x, window, cols)
    _im2col(planes, *steps, by_tap, width=threads_for(cols.size * 2.0))


def col2im(cols: np.ndarray, window: Window, dx: np.ndarray) -> None:
    """dx = the sum, for each pixel, of the entries of cols that im2col takes from it."""
    image = dx if dx.flags.c_contiguous else np.empty(dx.shape, dx.dtype)
    planes, by_tap, steps = _planes(image, window, cols)
    _col2im(by_tap, *steps, planes, width=threads_for(cols.size * 2.0))
    if image is not dx:
        copy(image, dx)


def _planes(
    x: np.ndarray, window: Window, cols: np.ndarray
) -> tuple[np.ndarray, np.ndarray, tuple[np.ndarray, np.ndarray, int, int]]:
    """x and cols by planes, and the tables of taps with the strides."""
    n, c, height, width = x.shape
    rows, columns = window.output_size(height, width)
    (r, s) = window.kernel_size
    by_tap = cols.reshape(n * c, r * s, rows, columns)
    steps = tap_tables(window, (height, width), (rows, columns))
    return x.reshape(n * c, height, width), by_tap, (*steps, *window.stride)
