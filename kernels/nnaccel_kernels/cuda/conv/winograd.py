"""Convolution by Winograd's F(4x4, 3x3): 36 products of matrices with a quarter of the operations.

Images are taken so many at a time that their tiles stay near the processors. Tiles never have 16
bits, in which the transforms would lose too much.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from nnaccel_kernels.cuda.conv import winograd_tiles
from nnaccel_kernels.cuda.runtime.blas import matmul_each
from nnaccel_kernels.cuda.runtime.launch import blocks, scalar
from nnaccel_kernels.cuda.runtime.namespace import namespace_of
from nnaccel_kernels.cuda.runtime.workspace import at_once, pieces, room
from nnaccel_kernels.half import wide, wide_bytes
from nnaccel_kernels.window import Window

FEWEST = 16  # channels on either side, below which transforms cost more than they save

_PLACES = 36  # of a tile
_NEAR = 96 << 20  # bytes that the tiles of the images taken together may fill


def fits(window: Window, groups: int) -> bool:
    """Whether a convolution is one that this is for."""
    kind = window.kernel_size, window.stride, window.dilation, groups
    return kind == ((3, 3), (1, 1), (1, 1), 1)


def workspace(
    direction: str,
    x_shape: tuple[int, ...],
    w_shape: tuple[int, ...],
    window: Window,
    itemsize: int,
) -> int:
    """Bytes of the tiles of the images that are taken together, and of the filters."""
    filters, channels = w_shape[:2]
    size = x_shape[2:] if direction == "input_gradient" else window.output_size(*x_shape[2:])
    down, across = _grid(size)
    each, itemsize = down * across * (channels + filters), wide_bytes(itemsize)
    together = at_once(x_shape[0], each * _PLACES * itemsize, _NEAR)
    return _PLACES * itemsize * (together * each + channels * filters)


def forward(
    x: Any, w: Any, b: Any, window: Window, groups: int, activation: str, alpha: float, y: Any
) -> None:
    """y = f(conv(x, w) + b)."""
    u = _filters(w, turned=False)
    _convolve(x, u, b, window.padding[0], window.padding[2], activation, alpha, y)


def input_gradient(dy: Any, w: Any, window: Window, groups: int, dx: Any) -> None:
    """dx: the convolution of dy with the filters turned round."""
    top, left = 2 - window.padding[0], 2 - window.padding[2]
    _convolve(dy, _filters(w, turned=True), None, top, left, "linear", 0.0, dx)


def weight_gradient(dy: Any, x: Any, window: Window, groups: int, dw: Any) -> None:
    """dw, from the products of the tiles of x and dy."""
    dtype, xp = wide(dw.dtype), namespace_of(dw)
    k, c = dw.shape[:2]
    total = xp.zeros((_PLACES, c, k), dtype)
    down, across = _grid(dy.shape[2:])
    for images, v, z in _pieces(x, dy, down * across):
        place = window.padding[0], window.padding[2], down, across
        winograd_tiles.from_images(dtype)(v[0].size, x[images], *place, v)
        winograd_tiles.from_gradients(dtype)(z[0].size, dy[images], down, across, z)
        matmul_each(v.transpose(0, 2, 1), z, total, add=True)
    winograd_tiles.to_filter_gradients(dtype)(c * k, total, dw)


def _convolve(
    x: Any, u: Any, b: Any, top: int, left: int, activation: str, alpha: float, y: Any
) -> None:
    """y = f(x over the window of transformed filters u (36, C, K) + b)."""
    down, across = _grid(y.shape[2:])
    finish = winograd_tiles.to_outputs(activation, y.dtype)
    ends = u[0, 0] if b is None else b, b is not None, scalar(alpha, y), down, across
    for images, v, m in _pieces(x, y, down * across):
        winograd_tiles.from_images(x.dtype)(v[0].size, x[images], top, left, down, across, v)
        matmul_each(v, u, m)
        finish(m[0].size, m, *ends, y[images])


def _filters(w: Any, turned: bool) -> Any:
    k, c = w.shape[:2]
    u = namespace_of(w).empty((_PLACES, *((k, c) if turned else (c, k))), wide(w.dtype))
    winograd_tiles.from_filters(w.dtype)(c * k, w, turned, u)
    return u


def _pieces(x: Any, y: Any, each: int) -> Iterator[tuple[slice, Any, Any]]:
    """Some images at a time, with room for `each` tiles of every one of x and of y."""
    xp, channels, filters = namespace_of(x), x.shape[1], y.shape[1]
    size = each * (channels + filters) * _PLACES
    if not len(x):
        return
    dtype = wide(x.dtype)
    count, memory = room(xp, at_once(len(x), size * dtype.itemsize, _NEAR), (size,), dtype)
    memory = memory.reshape(-1)
    for images in pieces(len(x), count):
        tiles = (images.stop - images.start) * each
        cut = _PLACES * tiles * channels
        v = memory[:cut].reshape(_PLACES, tiles, channels)
        z = memory[cut : cut + _PLACES * tiles * filters].reshape(_PLACES, tiles, filters)
        yield images, v, z


def _grid(size: tuple[int, ...]) -> tuple[int, int]:
    """Tiles down and across an output of that size."""
    return blocks(size[0], 4), blocks(size[1], 4)
