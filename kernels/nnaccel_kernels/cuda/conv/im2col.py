"""Convolution by im2col and matrix products, for a chunk of images at a time.

A row of the columns is a position of the window; it holds the taps one after another, and the
channels of a tap side by side, so that channels-last images are read and written contiguously.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from nnaccel_kernels.cuda.channels import bias_activate
from nnaccel_kernels.cuda.copy import copy
from nnaccel_kernels.cuda.im2col import fold, unfold
from nnaccel_kernels.cuda.runtime.blas import matmul
from nnaccel_kernels.cuda.runtime.namespace import namespace_of
from nnaccel_kernels.cuda.runtime.workspace import allocate, chunk_size, chunks
from nnaccel_kernels.half import wide
from nnaccel_kernels.window import Window

CHUNK_BYTES = 1 << 30  # at most, of the columns of a chunk of images


def workspace(
    direction: str,
    x_shape: tuple[int, ...],
    w_shape: tuple[int, ...],
    window: Window,
    itemsize: int,
) -> int:
    """Bytes of the columns of a chunk of images."""
    image = math.prod(w_shape[1:]) * math.prod(window.output_size(*x_shape[2:])) * itemsize
    return chunk_size(x_shape[0], image, CHUNK_BYTES) * image


def forward(
    x: Any, w: Any, b: Any, window: Window, groups: int, activation: str, alpha: float, y: Any
) -> None:
    """y = f(conv(x, w) + b)."""
    filters = _by_tap(w, x.dtype)
    out = _channels_last_like(y)
    for images, cols in _chunks(x, y, w, window):
        for g in range(groups):
            inputs, outputs = _channels(g, w.shape[1]), _channels(g, w.shape[0] // groups)
            unfold(x[images, inputs], window, _as_image(cols), by_tap=True)
            matmul(_as_rows(cols), filters[outputs].T, _pixel_rows(out[images])[:, outputs])
    if out is not y:
        copy(out, y)
    if b is not None or activation != "linear":
        bias_activate(y, b, activation, alpha)


def input_gradient(dy: Any, w: Any, window: Window, groups: int, dx: Any) -> None:
    """dx = gradient of sum(dy * conv(x, w)) in x."""
    filters, dy = _by_tap(w, dy.dtype), _to_channels_last(dy)
    for images, cols in _chunks(dx, dy, w, window):
        for g in range(groups):
            inputs, outputs = _channels(g, w.shape[1]), _channels(g, w.shape[0] // groups)
            matmul(_pixel_rows(dy[images])[:, outputs], filters[outputs], _as_rows(cols))
            fold(_as_image(cols), window, dx[images, inputs], by_tap=True)


def weight_gradient(dy: Any, x: Any, window: Window, groups: int, dw: Any) -> None:
    """dw = gradient of sum(dy * conv(x, w)) in w."""
    dy = _to_channels_last(dy)
    total = namespace_of(dw).zeros((len(dw), math.prod(dw.shape[1:])), wide(dw.dtype))
    for images, cols in _chunks(x, dy, dw, window):
        for g in range(groups):
            inputs, outputs = _channels(g, dw.shape[1]), _channels(g, dw.shape[0] // groups)
            unfold(x[images, inputs], window, _as_image(cols), by_tap=True)
            gradients = _pixel_rows(dy[images])[:, outputs]
            matmul(gradients.T, _as_rows(cols), total[outputs], add=True)
    k, c, down, across = dw.shape
    copy(total.reshape(k, down, across, c).transpose(0, 3, 1, 2), dw)


def _chunks(x: Any, y: Any, w: Any, window: Window) -> Iterator[tuple[slice, Any]]:
    """Chunks of images, with workspace for their columns (images, OH, OW, taps * channels)."""
    shape = *y.shape[2:], math.prod(w.shape[1:])
    if len(x):
        count = chunk_size(len(x), math.prod(shape) * x.itemsize, CHUNK_BYTES)
        count, cols = allocate(namespace_of(x), count, shape, x.dtype)
        for images in chunks(len(x), count):
            yield images, cols[: images.stop - images.start]


def _channels(group: int, size: int) -> slice:
    """The channels of a group."""
    return slice(group * size, (group + 1) * size)


def _by_tap(w: Any, dtype: Any) -> Any:
    """Filters (K, taps * channels) in some dtype, with the channels of a tap side by side."""
    k, c, down, across = w.shape
    filters = namespace_of(w).empty((k, down, across, c), dtype)
    copy(w, filters.transpose(0, 3, 1, 2))
    return filters.reshape(k, -1)


def _channels_last_like(y: Any) -> Any:
    """`y` if it is channels-last, else an uninitialised array like it that is."""
    if y.transpose(0, 2, 3, 1).flags.c_contiguous:
        return y
    n, k, height, width = y.shape
    return namespace_of(y).empty((n, height, width, k), y.dtype).transpose(0, 3, 1, 2)


def _to_channels_last(a: Any) -> Any:
    """`a` if it is channels-last, else a copy that is."""
    copied = _channels_last_like(a)
    if copied is not a:
        copy(a, copied)
    return copied


def _pixel_rows(image: Any) -> Any:
    """A channels-last image (N, C, H, W) as a matrix (N*H*W, C)."""
    return _as_rows(image.transpose(0, 2, 3, 1))


def _as_rows(a: Any) -> Any:
    """An array as a matrix of its last axis."""
    return a.reshape(-1, a.shape[-1])


def _as_image(cols: Any) -> Any:
    """Columns (N, OH, OW, taps * channels) as an image of taps * channels channels."""
    return cols.transpose(0, 3, 1, 2)
