"""Convolution by matrix products over columns, written out for as many images as there is room.

A row of the columns is a position of the window, and holds its taps one after another, with the
channels of each: neighbours in memory on both sides where images are channels-last.
"""

from __future__ import annotations

import math
from typing import Any

from nnaccel_kernels.cuda.channels import bias_activate
from nnaccel_kernels.cuda.copy import copy
from nnaccel_kernels.cuda.im2col import fold, unfold
from nnaccel_kernels.cuda.runtime.blas import matmul
from nnaccel_kernels.cuda.runtime.namespace import namespace_of
from nnaccel_kernels.cuda.runtime.workspace import at_once, pieces, room
from nnaccel_kernels.half import wide
from nnaccel_kernels.window import Window

#: Bytes that columns may take.
MOST = 1 << 30


def workspace(
    direction: str,
    x_shape: tuple[int, ...],
    w_shape: tuple[int, ...],
    window: Window,
    itemsize: int,
) -> int:
    """Bytes of the columns of as many images as are taken together."""
    each = math.prod(w_shape[1:]) * math.prod(window.output_size(*x_shape[2:])) * itemsize
    return at_once(x_shape[0], each, MOST) * each


def forward(
    x: Any, w: Any, b: Any, window: Window, groups: int, activation: str, alpha: float, y: Any
) -> None:
    """y = f(conv(x, w) + b)."""
    filters = _by_tap(w, x.dtype)
    out = _channels_last(y)
    for images, cols in _pieces(x, y, w, window):
        for g in range(groups):
            of, to = _of(g, w.shape[1]), _of(g, w.shape[0] // groups)
            unfold(x[images, of], window, _as_image(cols), by_tap=True)
            matmul(_as_rows(cols), filters[to].T, _as_rows(_pixels(out[images]))[:, to])
    if out is not y:
        copy(out, y)
    if b is not None or activation != "linear":
        bias_activate(y, b, activation, alpha)


def input_gradient(dy: Any, w: Any, window: Window, groups: int, dx: Any) -> None:
    """dx, which `fold` adds up from what each position wants of its taps."""
    filters, given = _by_tap(w, dy.dtype), _in_channels_last(dy)
    for images, cols in _pieces(dx, dy, w, window):
        for g in range(groups):
            of, to = _of(g, w.shape[1]), _of(g, w.shape[0] // groups)
            matmul(_as_rows(_pixels(given[images]))[:, to], filters[to], _as_rows(cols))
            fold(_as_image(cols), window, dx[images, of], by_tap=True)


def weight_gradient(dy: Any, x: Any, window: Window, groups: int, dw: Any) -> None:
    """dw, of all positions at once."""
    given = _in_channels_last(dy)
    found = namespace_of(dw).zeros((len(dw), math.prod(dw.shape[1:])), wide(dw.dtype))
    for images, cols in _pieces(x, dy, dw, window):
        for g in range(groups):
            of, to = _of(g, dw.shape[1]), _of(g, dw.shape[0] // groups)
            unfold(x[images, of], window, _as_image(cols), by_tap=True)
            mine = _as_rows(_pixels(given[images]))[:, to]
            matmul(mine.T, _as_rows(cols), found[to], add=True)
    k, c, down, across = dw.shape
    copy(found.reshape(k, down, across, c).transpose(0, 3, 1, 2), dw)


def _pieces(x: Any, y: Any, w: Any, window: Window) -> Any:
    """Some images at a time, with room for their columns (images, OH, OW, taps * channels)."""
    each = *y.shape[2:], math.prod(w.shape[1:])
    if len(x):
        most = at_once(len(x), math.prod(each) * x.itemsize, MOST)
        count, cols = room(namespace_of(x), most, each, x.dtype)
        for images in pieces(len(x), count):
            yield images, cols[: images.stop - images.start]


def _of(group: int, size: int) -> slice:
    return slice(group * size, (group + 1) * size)


def _by_tap(w: Any, dtype: Any) -> Any:
    """Filters (K, taps * channels) in some dtype, with the channels of a tap side by side."""
    k, c, down, across = w.shape
    turned = namespace_of(w).empty((k, down, across, c), dtype)
    copy(w, turned.transpose(0, 3, 1, 2))
    return turned.reshape(k, -1)


def _channels_last(y: Any) -> Any:
    """`y`, or room like it, channels-last."""
    if y.transpose(0, 2, 3, 1).flags.c_contiguous:
        return y
    n, k, height, width = y.shape
    return namespace_of(y).empty((n, height, width, k), y.dtype).transpose(0, 3, 1, 2)


def _in_channels_last(a: Any) -> Any:
    """`a`, or a copy of it, channels-last."""
    turned = _channels_last(a)
    if turned is not a:
        copy(a, turned)
    return turned


def _pixels(image: Any) -> Any:
    """An image (N, C, H, W), channels-last, as (N, H, W, C)."""
    return image.transpose(0, 2, 3, 1)


def _as_rows(a: Any) -> Any:
    """A row for each position."""
    return a.reshape(-1, a.shape[-1])


def _as_image(cols: Any) -> Any:
    """Columns as an image whose channels are what a position sees."""
    return cols.transpose(0, 3, 1, 2)
