"""Convolution, columns and pooling by their definitions, in float64: what kernels should give.

Loops over positions and taps that ask of every pixel whether it is on the image. Nothing here
comes from the package but `Window`, whose four fields are read.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from nnaccel_kernels.window import Window

Pair = tuple[int, int]


def visits(window: Window, image: Pair, positions: Pair) -> Iterator[tuple[Pair, Pair, Pair]]:
    """Each (i, j), (r, s) and the pixel (row, column) under that tap, where there is one."""
    (down, across), (top, _, left, _) = window.stride, window.padding
    for i, j in np.ndindex(*positions):
        for r, s in np.ndindex(*window.kernel_size):
            row = i * down + r * window.dilation[0] - top
            column = j * across + s * window.dilation[1] - left
            if 0 <= row < image[0] and 0 <= column < image[1]:
                yield (i, j), (r, s), (row, column)


def positions_of(window: Window, image: Pair) -> Pair:
    """How often the window fits, found by moving it until it does not."""
    found = []
    for axis in (0, 1):
        before, after = window.padding[2 * axis : 2 * axis + 2]
        last_tap = (window.kernel_size[axis] - 1) * window.dilation[axis]
        count = 0
        while count * window.stride[axis] + last_tap < image[axis] + before + after:
            count += 1
        found.append(count)
    return found[0], found[1]


def conv2d(
    x: np.ndarray, w: np.ndarray, window: Window, groups: int, positions: Pair
) -> np.ndarray:
    y = np.zeros((len(x), groups, len(w) // groups, *positions))
    x, w = _by_group(x, 1, groups), _by_group(w, 0, groups)
    for at, tap, pixel in visits(window, x.shape[-2:], positions):
        y[..., *at] += np.einsum("ngc,gkc->ngk", x[..., *pixel], w[..., *tap])
    return _ungrouped(y, 1)


def conv2d_input_gradient(
    dy: np.ndarray, w: np.ndarray, window: Window, groups: int, image: Pair
) -> np.ndarray:
    dx = np.zeros((len(dy), groups, w.shape[1], *image))
    dy, w = _by_group(dy, 1, groups), _by_group(w, 0, groups)
    for at, tap, pixel in visits(window, image, dy.shape[-2:]):
        dx[..., *pixel] += np.einsum("ngk,gkc->ngc", dy[..., *at], w[..., *tap])
    return _ungrouped(dx, 1)


def conv2d_weight_gradient(
    dy: np.ndarray, x: np.ndarray, window: Window, groups: int
) -> np.ndarray:
    shape = dy.shape[1], x.shape[1] // groups, *window.kernel_size
    dw = np.zeros((groups, shape[0] // groups, *shape[1:]))
    dy, x = _by_group(dy, 1, groups), _by_group(x, 1, groups)
    for at, tap, pixel in visits(window, x.shape[-2:], dy.shape[-2:]):
        dw[..., *tap] += np.einsum("ngk,ngc->gkc", dy[..., *at], x[..., *pixel])
    return _ungrouped(dw, 0)


def im2col(x: np.ndarray, window: Window) -> np.ndarray:
    positions = positions_of(window, x.shape[2:])
    cols = np.zeros((*x.shape[:2], *window.kernel_size, *positions))
    for at, tap, pixel in visits(window, x.shape[2:], positions):
        cols[..., *tap, *at] = x[..., *pixel]
    return cols.reshape(len(x), x.shape[1] * np.prod(window.kernel_size), np.prod(positions))


def col2im(cols: np.ndarray, window: Window, shape: tuple[int, ...]) -> np.ndarray:
    dx, positions = np.zeros(shape), positions_of(window, shape[2:])
    cols = cols.reshape(*shape[:2], *window.kernel_size, *positions)
    for at, tap, pixel in visits(window, shape[2:], positions):
        dx[..., *pixel] += cols[..., *tap, *at]
    return dx


def max_pool2d(x: np.ndarray, window: Window, positions: Pair) -> tuple[np.ndarray, np.ndarray]:
    """The largest pixels, and the flat index of the pixel that each of them is."""
    y, where = np.full((*x.shape[:2], *positions), -np.inf), np.full((*x.shape[:2], *positions), -1)
    for n, c in np.ndindex(x.shape[:2]):
        for at, _, (row, column) in visits(window, x.shape[2:], positions):
            best, pixel = y[n, c, *at], x[n, c, row, column]
            first = where[n, c, *at] == -1
            if first or pixel > best or (np.isnan(pixel) and not np.isnan(best)):
                y[n, c, *at], where[n, c, *at] = pixel, row * x.shape[3] + column
    return y, where


def avg_pool2d_weights(
    window: Window, image: Pair, positions: Pair, count_include_pad: bool
) -> np.ndarray:
    """What each pixel counts for at each position: (OH, OW, H, W)."""
    weights, taps = np.zeros((*positions, *image)), np.zeros(positions)
    top, bottom, left, right = window.padding if count_include_pad else (0, 0, 0, 0)
    around = window._replace(
        padding=(window.padding[0] - top, 0, window.padding[2] - left, 0)
    )  # the same window over an image with its padding made real
    for at, _, _ in visits(around, (image[0] + top + bottom, image[1] + left + right), positions):
        taps[at] += 1
    for at, _, pixel in visits(window, image, positions):
        weights[*at, *pixel] += 1 / taps[at]
    return weights


def _by_group(a: np.ndarray, axis: int, groups: int) -> np.ndarray:
    """Split an axis into groups and what each has of it."""
    a = a.astype(np.float64)
    shape = list(a.shape)
    return a.reshape(*shape[:axis], groups, shape[axis] // groups, *shape[axis + 1 :])


def _ungrouped(a: np.ndarray, axis: int) -> np.ndarray:
    shape = a.shape
    return a.reshape(*shape[:axis], shape[axis] * shape[axis + 1], *shape[axis + 2 :])
