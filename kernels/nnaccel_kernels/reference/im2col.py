"""im2col, the windows of an image as columns of a matrix, and its adjoint."""

from __future__ import annotations

from typing import Any

from nnaccel_kernels.reference.namespace import namespace
from nnaccel_kernels.reference.taps import taps
from nnaccel_kernels.window import Window

__all__ = ["col2im", "im2col"]


def im2col(x: Any, window: Window, cols: Any) -> None:
    """cols[n, (c, r, s), (i, j)] = the pixel of channel c under tap (r, s) at position (i, j)."""
    unfold(x, window, _by_tap(cols, x, window))


def col2im(cols: Any, window: Window, dx: Any) -> None:
    """Add each entry of cols to the pixel that im2col takes it from: the adjoint of im2col."""
    fold(_by_tap(cols, dx, window), window, dx)


def unfold(x: Any, window: Window, cols: Any) -> None:
    """im2col with cols of shape (N, C, R, S, OH, OW)."""
    cols[...] = 0
    for r, s, at, pixels in taps(window, x.shape, cols.shape):
        cols[:, :, r, s, ...][at] = x[pixels]


def fold(cols: Any, window: Window, dx: Any) -> None:
    """col2im with cols of shape (N, C, R, S, OH, OW)."""
    dx[...] = 0
    for r, s, at, pixels in taps(window, dx.shape, cols.shape):
        dx[pixels] += cols[:, :, r, s, ...][at]


def _by_tap(cols: Any, image: Any, window: Window) -> Any:
    """View of cols with an axis each for channels, taps and positions."""
    n, c, height, width = image.shape
    positions = window.output_size(height, width)
    return namespace(cols).reshape(cols, (n, c, *window.kernel_size, *positions))
