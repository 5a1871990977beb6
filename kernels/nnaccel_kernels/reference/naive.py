"""Convolution and its gradients as anybody would first write them: the loops of the definition."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from typing import Any

import numpy as np

from nnaccel_kernels.reference.copy import pad2d
from nnaccel_kernels.window import Window


def naive_conv2d(x: Any, w: Any, b: Any, window: Window, groups: int, y: Any) -> None:
    """y[n, k, i, j] = sum of w[k] times the window of x at (i, j), plus b[k] unless b is None."""
    image = _padded(x, window)
    for at, patch in _places(y.shape, w.shape, window, groups):
        y[at] = (image[patch] * w[at[1]]).sum()
    if b is not None:
        y += b[:, None, None]


def naive_conv2d_input_gradient(dy: Any, w: Any, window: Window, groups: int, dx: Any) -> None:
    """dx = gradient of sum(dy * conv2d(x, w)) in x."""
    image = np.zeros(_padded_shape(dx, window), dx.dtype)
    for at, patch in _places(dy.shape, w.shape, window, groups):
        image[patch] += dy[at] * w[at[1]]
    pad2d(image, _opposite(window), dx)


def naive_conv2d_weight_gradient(dy: Any, x: Any, window: Window, groups: int, dw: Any) -> None:
    """dw = gradient of sum(dy * conv2d(x, w)) in w."""
    image = _padded(x, window)
    dw[...] = 0
    for at, patch in _places(dy.shape, dw.shape, window, groups):
        dw[at[1]] += dy[at] * image[patch]


def _padded(x: Any, window: Window) -> Any:
    image = np.empty(_padded_shape(x, window), x.dtype)
    pad2d(x, window.padding, image)
    return image


def _padded_shape(x: Any, window: Window) -> tuple[int, ...]:
    n, c, height, width = x.shape
    top, bottom, left, right = window.padding
    return n, c, height + top + bottom, width + left + right


def _opposite(window: Window) -> tuple[int, int, int, int]:
    top, bottom, left, right = window.padding
    return -top, -bottom, -left, -right


def _places(
    positions: tuple[int, ...], w: tuple[int, ...], window: Window, groups: int
) -> Iterator[tuple[tuple[int, ...], tuple[Any, ...]]]:
    """Each (n, k, i, j) of the output, with the slices of the window it sees."""
    filters, channels = w[0] // groups, w[1]
    (down, across), (rows, columns) = window.stride, window.extent
    for n, k, i, j in product(*map(range, positions)):
        c, top, left = k // filters * channels, i * down, j * across
        patch = (
            n,
            slice(c, c + channels),
            slice(top, top + rows, window.dilation[0]),
            slice(left, left + columns, window.dilation[1]),
        )
        yield (n, k, i, j), patch
