"""Winograd's minimal filtering: 3x3 convolution of stride 1 with a quarter of the multiplications.

The image is cut into tiles of 4x4 results. A tile's 6x6 pixels and the filters are transformed
once each; there the convolution is 36 small matrix products, whose results are transformed back
[1]_. The gradient of the input is the same with turned filters; the gradient of the weights is the
adjoint: products of transformed pixels with transformed gradients, summed over all tiles.

.. [1] A. Lavin and S. Gray, "Fast algorithms for convolutional neural networks", CVPR 2016.
"""

from __future__ import annotations

import numpy as np

from nnaccel_kernels._activations import ACTIVATIONS
from nnaccel_kernels._window import Window
from nnaccel_kernels.cpu._activation import activate_span
from nnaccel_kernels.cpu._band import Images, flat_images, load_rows, store_rows
from nnaccel_kernels.cpu._dense import add_to
from nnaccel_kernels.cpu._kernel import claim, kernel, scratch, share, threads_for
from nnaccel_kernels.cpu._matmul import STRIP_BYTES, product_added, product_of_strips
from nnaccel_kernels.cpu._simd import VECTOR_BYTES
from nnaccel_kernels.cpu._team import team
from nnaccel_kernels.cpu._transform import transform

FEWEST = 16  # channels or filters that make the transforms worth their while
TARGET = 32  # tiles in an item, about
_TILE = 4  # results a side
_SIDE = 6  # pixels a side, and products
_POINTS = _SIDE * _SIDE

_PIXELS = (
    (4, 0, -5, 0, 1, 0),
    (0, -4, -4, 1, 1, 0),
    (0, 4, -4, -1, 1, 0),
    (0, -2, -1, 2, 1, 0),
    (0, 2, -1, -2, 1, 0),
    (0, 4, 0, -5, 0, 1),
)
_TAPS = (
    (1 / 4, 0, 0),
    (-1 / 6, -1 / 6, -1 / 6),
    (-1 / 6, 1 / 6, -1 / 6),
    (1 / 24, 1 / 12, 1 / 6),
    (1 / 24, -1 / 12, 1 / 6),
    (0, 0, 1),
)
_RESULTS = ((1, 1, 1, 1, 1, 0), (0, 1, -1, 2, -2, 0), (0, 1, 1, 4, 4, 0), (0, 1, -1, 8, -8, 1))

_transform_pixels = transform("pixels", _PIXELS)
_transform_taps = transform("taps", _TAPS)
_transform_back = transform("back", _RESULTS)
_transform_results = transform("results", tuple(zip(*_RESULTS, strict=True)))
_transform_taps_back = transform("taps_back", tuple(zip(*_TAPS, strict=True)))


@kernel
def _filters(rank, size, w, turned, products, counter, rooms):  # type: ignore[no-untyped-def]
    """products (36, strips, rows, lanes): rows run over what is summed, lanes over results."""
    _, strips, height, lanes = products.shape
    columns = w.shape[1] if turned else w.shape[0]
    apart = strips * height * lanes
    room = rooms[rank]
    if rank == 0:
        counter[:] = 0
    lo, hi = share(strips * height, rank, size)
    for item in range(lo, hi):
        strip, row = item // height, item % height
        for lane in range(lanes):
            column = strip * lanes + lane
            k, c = (row, column) if turned else (column, row)
            for tap in range(9):
                at = (8 - tap if turned else tap) * lanes + lane
                room[at] = w[k, c, tap // 3, tap % 3] if column < columns else 0
        _transform_taps(
            lanes, room, 0, 3 * lanes, lanes, products, item * lanes, _SIDE * apart, apart
        )


@kernel
def _convolve(  # type: ignore[no-untyped-def]
    rank, size, tile_rows, top, left, xs, x, products, b, code, alpha, ys, y, counter, rooms
):
    room = rooms[rank]
    lanes, vector = products.shape[3], products.shape[3] // 2
    strip = products.shape[2] * lanes
    down, across = (ys.height + _TILE - 1) // _TILE, (ys.width + _TILE - 1) // _TILE
    depth = (xs.channels + vector - 1) // vector * vector
    result = (ys.channels + vector - 1) // vector * vector
    width = across * _TILE
    band = _SIDE * (width + 2) * max(depth, result)
    while True:
        begin = claim(counter) * tile_rows
        end = min(xs.count * down, begin + tile_rows)
        if begin >= end:
            break
        tiles = (end - begin) * across
        pixels, results = band, band + _POINTS * tiles * depth
        for row in range(begin, end):
            n, i = row // down, row % down * _TILE
            load_rows(x, xs, n, 0, xs.channels, i - top, -left, _SIDE, width + 2, room, 0, depth)
            for j in range(across):
                _transform_pixels(
                    depth, room, j * _TILE * depth, (width + 2) * depth, depth,
                    room, pixels + ((row - begin) * across + j) * depth,
                    _SIDE * tiles * depth, tiles * depth,
                )  # fmt: skip
        for point in range(_POINTS):
            product_of_strips(
                tiles, ys.channels, xs.channels, room, pixels + point * tiles * depth, depth, 1,
                products, point * products.shape[1] * strip, strip,
                room, results + point * tiles * result, result, 0,
            )  # fmt: skip
        for row in range(begin, end):
            n, i = row // down, row % down * _TILE
            for j in range(across):
                _transform_back(
                    result, room, results + ((row - begin) * across + j) * result,
                    _SIDE * tiles * result, tiles * result,
                    room, j * _TILE * result, width * result, result,
                )  # fmt: skip
            if b.size:
                for pixel in range(_TILE * width):
                    add_to(room[pixel * result : pixel * result + b.size], b)
            if code:
                span = room[: _TILE * width * result]
                activate_span(code, alpha[0], span, span)
            store_rows(room, 0, result, width, y, ys, n, 0, ys.channels, i, _TILE)


@kernel
def _sum_products(  # type: ignore[no-untyped-def]
    rank, size, tile_rows, top, left, cuts, xs, x, ys, dy, sums, counter, rooms
):
    """sums (parts, 36, C, K): of the products of transformed pixels and gradients."""
    room = rooms[rank]
    parts, _, channels, filters = sums.shape
    vector = VECTOR_BYTES // room.itemsize
    down, across = (ys.height + _TILE - 1) // _TILE, (ys.width + _TILE - 1) // _TILE
    depth = (channels + vector - 1) // vector * vector
    width = across * _TILE
    while True:
        item = claim(counter)
        if item >= parts * cuts:
            break
        part, cut = item // cuts, item % cuts
        low = filters * cut // cuts // vector * vector
        count = filters - low
        if cut + 1 < cuts:
            count = filters * (cut + 1) // cuts // vector * vector - low
        result = (count + vector - 1) // vector * vector
        band = _SIDE * (width + 2) * max(depth, result)
        at = part * _POINTS * channels * filters
        start, stop = ys.count * down * part // parts, ys.count * down * (part + 1) // parts
        for begin in range(start, max(stop, start + 1), tile_rows):
            end = min(stop, begin + tile_rows)
            tiles = (end - begin) * across
            pixels, results = band, band + _POINTS * tiles * depth
            for row in range(begin, end):
                n, i = row // down, row % down * _TILE
                t = (row - begin) * across
                load_rows(x, xs, n, 0, channels, i - top, -left, _SIDE, width + 2, room, 0, depth)
                for j in range(across):
                    _transform_pixels(
                        depth, room, j * _TILE * depth, (width + 2) * depth, depth,
                        room, pixels + (t + j) * depth, _SIDE * tiles * depth, tiles * depth,
                    )  # fmt: skip
                load_rows(dy, ys, n, low, count, i, 0, _TILE, width, room, 0, result)
                for j in range(across):
                    _transform_results(
                        result, room, j * _TILE * result, width * result, result,
                        room, results + (t + j) * result, _SIDE * tiles * result, tiles * result,
                    )  # fmt: skip
            for point in range(_POINTS):
                product_added(
                    channels, count, tiles, room, pixels + point * tiles * depth, 1, depth,
                    room, results + point * tiles * result, result, 1,
                    sums, at + point * channels * filters + low, filters, begin > start,
                )  # fmt: skip


@kernel
def _gradient_of_taps(rank, size, sums, depth, dw, rooms):  # type: ignore[no-untyped-def]
    room = rooms[rank]
    parts, _, channels, filters = sums.shape
    lo, hi = share(channels, rank, size)
    for c in range(lo, hi):
        for point in range(_POINTS):
            total = room[point * depth : point * depth + filters]
            total[:] = sums[0, point, c]
            for part in range(1, parts):
                add_to(total, sums[part, point, c])
        _transform_taps_back(
            filters, room, 0, _SIDE * depth, depth, room, _POINTS * depth, 3 * depth, depth
        )
        for tap in range(9):
            taps = room[(_POINTS + tap) * depth : (_POINTS + tap) * depth + filters]
            for k in range(filters):
                dw[k, c, tap // 3, tap % 3] = taps[k]


def forward(
    x: np.ndarray,
    w: np.ndarray,
    b: np.ndarray | None,
    window: Window,
    groups: int,
    activation: str,
    alpha: float,
    y: np.ndarray,
) -> None:
    """y = f(conv2d(x, w) + b)."""
    top, _, left, _ = window.padding
    bias = np.empty(0, y.dtype) if b is None else b
    _run(x, w, False, top, left, bias, ACTIVATIONS.index(activation), alpha, y)


def input_gradient(
    dy: np.ndarray, w: np.ndarray, window: Window, groups: int, dx: np.ndarray
) -> None:
    """dx of conv2d, which is dy convolved with the filters turned by half a turn."""
    top, _, left, _ = window.padding
    _run(dy, w, True, 2 - top, 2 - left, np.empty(0, dx.dtype), 0, 0.0, dx)


def weight_gradient(
    dy: np.ndarray, x: np.ndarray, window: Window, groups: int, dw: np.ndarray
) -> None:
    """dw of conv2d."""
    top, _, left, _ = window.padding
    flat_dy, ys = flat_images(dy)
    flat_x, xs = flat_images(x)
    rows, words = plan_tiles(ys, xs.channels, ys.channels, dw.itemsize)
    size = team().size
    parts = plan_parts(dw.shape, ys, dw.itemsize)
    cuts = max(1, min(-(-size // parts), ys.channels // 16))
    width = -(-ys.channels // 16) * 16
    sums, counter, rooms = scratch(
        dw.dtype,
        (parts, _POINTS, xs.channels, ys.channels),
        (16,),
        (size, max(words, (_POINTS + 9) * width)),
    )
    counter = counter.view(np.int64)
    _reset(counter)
    _sum_products(rows, top, left, cuts, xs, flat_x, ys, flat_dy, sums, counter, rooms, width=size)
    _gradient_of_taps(sums, width, dw, rooms, width=threads_for(40.0 * dw.size))


@kernel
def _reset(rank, size, counter):  # type: ignore[no-untyped-def]
    counter[:] = 0


def _run(
    x: np.ndarray,
    w: np.ndarray,
    turned: bool,
    top: int,
    left: int,
    bias: np.ndarray,
    code: int,
    alpha: float,
    y: np.ndarray,
) -> None:
    """y = x convolved with w, or with its filters turned."""
    flat_x, xs = flat_images(x)
    flat_y, ys = flat_images(y)
    rows, words = plan_tiles(ys, xs.channels, ys.channels, y.itemsize)
    lanes = STRIP_BYTES // y.itemsize
    products, counter, rooms = scratch(
        y.dtype,
        (_POINTS, -(-ys.channels // lanes), xs.channels, lanes),
        (16,),
        (team().size, words),
    )
    counter = counter.view(np.int64)
    _filters(w, turned, products, counter, rooms, width=threads_for(40.0 * w.size))
    _convolve(
        rows, top, left, xs, flat_x, products, bias, code, np.array([alpha]), ys, flat_y,
        counter, rooms, width=len(rooms),
    )  # fmt: skip


def workspace(
    direction: str,
    x_shape: tuple[int, int, int, int],
    w_shape: tuple[int, int, int, int],
    window: Window,
    groups: int,
    itemsize: int,
    threads: int,
) -> int:
    """How many elements of workspace are needed."""
    filters, channels = w_shape[:2]
    lanes = STRIP_BYTES // itemsize
    ys = Images(x_shape[0], filters, *window.output_size(*x_shape[2:]), 0)
    if direction == "input_gradient":
        ys = Images(*x_shape, 0)
        filters, channels = channels, filters
    words = plan_tiles(ys, channels, filters, itemsize)[1]
    wide = -(-filters // lanes) * lanes
    shared = _POINTS * wide * channels
    if direction == "weight_gradient":
        shared = plan_parts(w_shape, ys, itemsize) * _POINTS * channels * filters
        words = max(words, (_POINTS + 9) * wide)
    return shared + threads * words


def plan_tiles(ys: Images, channels: int, filters: int, itemsize: int) -> tuple[int, int]:
    """How many rows of tiles an item takes, and how many elements of room."""
    lanes = VECTOR_BYTES // itemsize
    depth, result = -(-channels // lanes) * lanes, -(-filters // lanes) * lanes
    across = -(-ys.width // _TILE)
    rows = max(1, round(TARGET / across))
    band = _SIDE * (across * _TILE + 2) * max(depth, result)
    return rows, band + _POINTS * rows * across * (depth + result)


def plan_parts(shape: tuple[int, ...], ys: Images, itemsize: int) -> int:
    """How many partial sums of a gradient of weights there are."""
    size = _POINTS * shape[0] * shape[1] * itemsize
    return int(max(1, min(8, 10_000_000 // size, ys.count * -(-ys.height // _TILE))))
