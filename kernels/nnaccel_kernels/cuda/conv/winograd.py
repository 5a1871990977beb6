"""Convolution by Winograd's F(4x4, 3x3): 36 matrix products with a quarter of the operations.

Images are taken in chunks, whose tiles stay in the L2 cache between transforms and products.
Tiles never have 16 bits, in which the transforms would lose too much accuracy.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from nnaccel_kernels.cuda.conv import winograd_tiles
from nnaccel_kernels.cuda.runtime.blas import batched_matmul
from nnaccel_kernels.cuda.runtime.launch import blocks, scalar
from nnaccel_kernels.cuda.runtime.namespace import namespace_of
from nnaccel_kernels.cuda.runtime.workspace import allocate, chunk_size, chunks
from nnaccel_kernels.half import wide, wide_bytes
from nnaccel_kernels.window import Window

MIN_CHANNELS = 16  # of input and output; with fewer the transforms cost more than they save

_TILE = 36  # elements
_CHUNK_BYTES = 32 << 20  # at most, of the tiles of a chunk of images: L2 has 40 MB on sm_80


def supports(window: Window, groups: int) -> bool:
    """Whether a convolution is 3x3 with stride 1, dilation 1 and one group."""
    sizes = window.kernel_size, window.stride, window.dilation
    return groups == 1 and sizes == ((3, 3), (1, 1), (1, 1))


def workspace(
    direction: str,
    x_shape: tuple[int, ...],
    w_shape: tuple[int, ...],
    window: Window,
    itemsize: int,
) -> int:
    """Bytes of the tiles of a chunk of images, and of the transformed filters."""
    filters, channels = w_shape[:2]
    size = x_shape[2:] if direction == "input_gradient" else window.output_size(*x_shape[2:])
    down, across = _grid(size)
    image_size, itemsize = down * across * (channels + filters), wide_bytes(itemsize)
    images = chunk_size(x_shape[0], image_size * _TILE * itemsize, _CHUNK_BYTES)
    return _TILE * itemsize * (images * image_size + channels * filters)


def forward(
    x: Any, w: Any, b: Any, window: Window, groups: int, activation: str, alpha: float, y: Any
) -> None:
    """y = f(conv(x, w) + b)."""
    u = _filters(w, rotated=False)
    _convolve(x, u, b, window.padding[0], window.padding[2], activation, alpha, y)


def input_gradient(dy: Any, w: Any, window: Window, groups: int, dx: Any) -> None:
    """dx = convolution of dy with the filters rotated by 180 degrees."""
    top, left = 2 - window.padding[0], 2 - window.padding[2]
    _convolve(dy, _filters(w, rotated=True), None, top, left, "linear", 0.0, dx)


def weight_gradient(dy: Any, x: Any, window: Window, groups: int, dw: Any) -> None:
    """dw = sum over tiles of the products of the tiles of x and dy."""
    dtype, xp = wide(dw.dtype), namespace_of(dw)
    k, c = dw.shape[:2]
    total = xp.zeros((_TILE, c, k), dtype)
    down, across = _grid(dy.shape[2:])
    for images, v, z in _chunks(x, dy, down * across):
        grid = window.padding[0], window.padding[2], down, across
        winograd_tiles.from_images(dtype)(v[0].size, x[images], *grid, v)
        winograd_tiles.from_gradients(dtype)(z[0].size, dy[images], down, across, z)
        batched_matmul(v.transpose(0, 2, 1), z, total, add=True)
    winograd_tiles.to_filter_gradients(dtype)(c * k, total, dw)


def _convolve(
    x: Any, u: Any, b: Any, top: int, left: int, activation: str, alpha: float, y: Any
) -> None:
    """y = f(conv(x, w) + b), with the transformed filters u (36, C, K) of w."""
    down, across = _grid(y.shape[2:])
    to_outputs = winograd_tiles.to_outputs(activation, y.dtype)
    ends = u[0, 0] if b is None else b, b is not None, scalar(alpha, y), down, across
    for images, v, m in _chunks(x, y, down * across):
        winograd_tiles.from_images(x.dtype)(v[0].size, x[images], top, left, down, across, v)
        batched_matmul(v, u, m)
        to_outputs(m[0].size, m, *ends, y[images])


def _filters(w: Any, rotated: bool) -> Any:
    k, c = w.shape[:2]
    u = namespace_of(w).empty((_TILE, *((k, c) if rotated else (c, k))), wide(w.dtype))
    winograd_tiles.from_filters(w.dtype)(c * k, w, rotated, u)
    return u


def _chunks(x: Any, y: Any, image_tiles: int) -> Iterator[tuple[slice, Any, Any]]:
    """Chunks of images, with workspace for the tiles of x and of y; `image_tiles` an image."""
    xp, channels, filters = namespace_of(x), x.shape[1], y.shape[1]
    size = image_tiles * (channels + filters) * _TILE
    if not len(x):
        return
    dtype = wide(x.dtype)
    count = chunk_size(len(x), size * dtype.itemsize, _CHUNK_BYTES)
    count, memory = allocate(xp, count, (size,), dtype)
    memory = memory.reshape(-1)
    for images in chunks(len(x), count):
        tiles = (images.stop - images.start) * image_tiles
        cut = _TILE * tiles * channels
        v = memory[:cut].reshape(_TILE, tiles, channels)
        z = memory[cut : cut + _TILE * tiles * filters].reshape(_TILE, tiles, filters)
        yield images, v, z


def _grid(size: tuple[int, ...]) -> tuple[int, int]:
    """Tiles down and across an output of `size`."""
    return blocks(size[0], 4), blocks(size[1], 4)
