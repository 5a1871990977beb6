"""Convolution and its gradients by their definitions: one loop over the output."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from typing import Any

from nnaccel_kernels.reference.namespace import namespace
from nnaccel_kernels.reference.pad import pad2d
from nnaccel_kernels.window import Window


def naive_conv2d(x: Any, w: Any, window: Window, groups: int, y: Any) -> None:
    """y[n, k, i, j] = sum of w[k] times the window of x at (i, j)."""
    xp, image = namespace(x), _padded(x, window)
    for at, patch in _places(y.shape, w.shape, window, groups):
        y[at] = xp.sum(image[patch] * w[at[1], ...])


def naive_conv2d_input_gradient(dy: Any, w: Any, window: Window, groups: int, dx: Any) -> None:
    """dx = gradient of sum(dy * conv2d(x, w)) in x."""
    image = namespace(dx).zeros(_padded_shape(dx, window), dtype=dx.dtype, device=dx.device)
    for at, patch in _places(dy.shape, w.shape, window, groups):
        image[patch] += dy[at] * w[at[1], ...]
    top, bottom, left, right = window.padding
    pad2d(image, (-top, -bottom, -left, -right), dx)


def naive_conv2d_weight_gradient(dy: Any, x: Any, window: Window, groups: int, dw: Any) -> None:
    """dw = gradient of sum(dy * conv2d(x, w)) in w."""
    image = _padded(x, window)
    dw[...] = 0
    for at, patch in _places(dy.shape, dw.shape, window, groups):
        dw[at[1], ...] += dy[at] * image[patch]


def _padded(x: Any, window: Window) -> Any:
    image = namespace(x).empty(_padded_shape(x, window), dtype=x.dtype, device=x.device)
    pad2d(x, window.padding, image)
    return image


def _padded_shape(x: Any, window: Window) -> tuple[int, ...]:
    n, c, height, width = x.shape
    top, bottom, left, right = window.padding
    return n, c, height + top + bottom, width + left + right


def _places(
    positions: tuple[int, ...], w: tuple[int, ...], window: Window, groups: int
) -> Iterator[tuple[tuple[int, ...], tuple[Any, ...]]]:
    """Each (n, k, i, j) of the output, with the slices of the window over the padded image."""
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
