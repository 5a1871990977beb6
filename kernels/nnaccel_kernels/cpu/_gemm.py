"""Implicit GEMM: convolution as matrix products with patches that are never all written out.

An item of work is a few rows of one image. Its rows of x are brought into the cache as a band; a
patch's row of taps is then a run of neighbouring elements, so products read their left factor
straight from the band [1]_.

.. [1] K. Chellapilla, S. Puri and P. Simard, "High performance convolutional neural networks for
   document processing", IWFHR 2006; blocked for the cache as in K. Goto and R. A. van de Geijn,
   "Anatomy of high-performance matrix multiplication", ACM TOMS 34(3), 2008.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit
from numba.extending import register_jitable

from nnaccel_kernels._activations import ACTIVATIONS
from nnaccel_kernels._window import Window
from nnaccel_kernels.cpu._activation import activate_span
from nnaccel_kernels.cpu._band import Images, flat_images, load_rows, pixel_at, store_rows
from nnaccel_kernels.cpu._dense import add_to
from nnaccel_kernels.cpu._kernel import claim, kernel, scratch, share, threads_for
from nnaccel_kernels.cpu._matmul import product_added, product_of_strips
from nnaccel_kernels.cpu._pack import pack_filters, pack_patches, strips_shape
from nnaccel_kernels.cpu._partial import cuts_for, parts_for, reset
from nnaccel_kernels.cpu._shape import Conv, conv_of, cut
from nnaccel_kernels.cpu._simd import copy_run
from nnaccel_kernels.cpu._team import team

_SHORT = 16  # positions: rows with fewer are written out as patches


@register_jitable
def locate(item, conv):  # type: ignore[no-untyped-def]
    """The image, the group and the first row of an item of work."""
    rest = item // conv.pieces
    return rest // conv.groups, rest % conv.groups, item % conv.pieces * conv.rows


@register_jitable
def finish_pixels(y, pixels, b, code, alpha):  # type: ignore[no-untyped-def]
    """Add the biases to each of some pixels' channels, and apply the activation."""
    depth = y.size // pixels
    if b.size:
        for p in range(pixels):
            add_to(y[p * depth : (p + 1) * depth], b)
    if code:
        activate_span(code, alpha[0], y, y)


@njit(nogil=True, cache=True, error_model="numpy")
def load_patches(conv, band, begin, pitch, rows, patches, at):  # type: ignore[no-untyped-def]
    """Write out the patches (r, s, c) of all positions in some rows, one after another."""
    runs = 1 if conv.dilation_across == 1 else conv.taps_across
    run = conv.taps_across // runs * conv.channels
    for i in range(rows):
        for j in range(conv.out_width):
            for r in range(conv.taps_down):
                source = begin + (i * conv.stride_down + r * conv.dilation_down) * pitch
                source += j * conv.stride_across * conv.channels
                for s in range(runs):
                    step = s * conv.dilation_across * conv.channels
                    copy_run(run, band, source + step, patches, at)
                    at += run


@register_jitable
def is_packed(conv):  # type: ignore[no-untyped-def]
    """Whether rows are so short that products with them would be too small."""
    return conv.out_width < _SHORT and conv.taps_down * conv.taps_across > 1


@kernel
def _forward(  # type: ignore[no-untyped-def]
    rank, size, conv, xs, x, in_place, strips, b, code, alpha, ys, y, counter, rooms
):
    room = rooms[rank]
    channels, filters, across = conv.channels, conv.filters, conv.out_width
    lanes = strips.shape[3]
    strip = strips.shape[2] * lanes
    width = (across - 1) * conv.stride_across + (conv.taps_across - 1) * conv.dilation_across + 1
    height = (conv.rows - 1) * conv.stride_down + (conv.taps_down - 1) * conv.dilation_down + 1
    # Neighbouring taps of a row are one run, unless they are dilated.
    runs = 1 if conv.dilation_across == 1 else conv.taps_across
    run = conv.taps_across // runs * channels
    pieces = conv.taps_down * runs
    patches = (height * width * channels + lanes) // lanes * lanes
    results = patches
    packed = is_packed(conv)
    if packed:
        results += conv.rows * across * pieces * run
    write_through = ys.last and conv.groups == 1
    while True:
        item = claim(counter)
        if item >= xs.count * conv.groups * conv.pieces:
            break
        n, group, first = locate(item, conv)
        rows = min(conv.rows, conv.out_height - first)
        top = first * conv.stride_down - conv.top
        if in_place:
            band, begin, pitch = x, pixel_at(xs, n, top, 0), xs.width * channels
        else:
            load_rows(
                x, xs, n, group * channels, channels, top, -conv.left,
                height - (conv.rows - rows) * conv.stride_down, width, room, 0, channels,
            )  # fmt: skip
            band, begin, pitch = room, 0, width * channels
        biases = b[group * filters : (group + 1) * filters]
        weights = group * strips.shape[1] * strip
        if write_through:
            target, place = y, pixel_at(ys, n, first, 0)
        else:
            target, place = room, results
        if packed:
            load_patches(conv, band, begin, pitch, rows, room, patches)
            product_of_strips(
                rows * across, filters, pieces * run, room, patches, pieces * run, 1,
                strips, weights, strip, target, place, filters, 0,
            )  # fmt: skip
        else:
            for i in range(rows):
                for piece in range(pieces):
                    r, s = piece // runs, piece % runs
                    row = begin + (i * conv.stride_down + r * conv.dilation_down) * pitch
                    product_of_strips(
                        across, filters, run,
                        band, row + s * conv.dilation_across * channels,
                        conv.stride_across * channels, 1,
                        strips, weights + piece * run * lanes, strip,
                        target, place + i * across * filters, filters, piece,
                    )  # fmt: skip
        pixels = rows * across
        finish_pixels(target[place : place + pixels * filters], pixels, biases, code, alpha)
        if not write_through:
            store_rows(
                room, results, filters, across, y, ys, n, group * filters, filters, first, rows
            )


@kernel
def _input_gradient(rank, size, conv, ys, dy, strips, xs, dx, counter, rooms):  # type: ignore[no-untyped-def]
    room = rooms[rank]
    channels, filters, across = conv.channels, conv.filters, conv.out_width
    lanes = strips.shape[3]
    strip = strips.shape[2] * lanes
    run = conv.taps_across * channels
    patch = conv.taps_down * run
    zero = room.dtype.type(0)
    # The band covers the image's columns and all that taps reach.
    left = min(0, -conv.left)
    reach = (across - 1) * conv.stride_across + (conv.taps_across - 1) * conv.dilation_across + 1
    width = max(xs.width, reach - conv.left) - left
    patches = (conv.rows * width * channels + lanes) // lanes * lanes
    chunk = max(1, (room.size - patches) // max(1, across * patch))
    if ys.last:
        pixel, plane = ys.channels, 1
    else:
        pixel, plane = 1, ys.height * ys.width
    while True:
        item = claim(counter)
        if item >= xs.count * conv.groups * conv.pieces:
            break
        n, group, first = locate(item, conv)
        rows = min(conv.rows, xs.height - first)
        room[: rows * width * channels] = zero
        begin = first + conv.top - (conv.taps_down - 1) * conv.dilation_down
        begin = max(0, -(-begin // conv.stride_down))
        end = min(conv.out_height, (first + rows - 1 + conv.top) // conv.stride_down + 1)
        for top in range(begin, end, chunk):
            count = min(chunk, end - top)
            product_of_strips(
                count * across, patch, filters,
                dy, pixel_at(ys, n, top, 0) + group * filters * plane, pixel, plane,
                strips, group * strips.shape[1] * strip, strip,
                room, patches, patch, 0,
            )  # fmt: skip
            for i in range(count):
                for r in range(conv.taps_down):
                    row = (top + i) * conv.stride_down - conv.top + r * conv.dilation_down - first
                    if row < 0 or row >= rows:
                        continue
                    for j in range(across):
                        source = patches + (i * across + j) * patch + r * run
                        column = j * conv.stride_across - conv.left - left
                        target = (row * width + column) * channels
                        if conv.dilation_across == 1:
                            add_to(room[target : target + run], room[source : source + run])
                        else:
                            for s in range(conv.taps_across):
                                a = target + s * conv.dilation_across * channels
                                c = source + s * channels
                                add_to(room[a : a + channels], room[c : c + channels])
        store_rows(
            room, -left * channels, channels, width,
            dx, xs, n, group * channels, channels, first, rows,
        )  # fmt: skip


@kernel
def _weight_gradient(  # type: ignore[no-untyped-def]
    rank, size, conv, xs, x, in_place, ys, dy, cuts, sums, counter, rooms
):
    """sums (parts, groups * K, R*S*C), each of some of the items; rows of filters in `cuts`."""
    room = rooms[rank]
    parts, patch, channels = sums.shape[0], sums.shape[2], conv.channels
    across, blocks = conv.out_width, xs.count * conv.pieces
    width = (across - 1) * conv.stride_across + (conv.taps_across - 1) * conv.dilation_across + 1
    height = (conv.rows - 1) * conv.stride_down + (conv.taps_down - 1) * conv.dilation_down + 1
    patches = height * width * channels
    pixel, plane = (ys.channels, 1) if ys.last else (1, ys.height * ys.width)
    while True:
        item = claim(counter)
        if item >= parts * conv.groups * cuts:
            break
        rest = item // cuts
        part, group = rest // conv.groups, rest % conv.groups
        low, high = share(conv.filters, item % cuts, cuts)
        low, high = low + group * conv.filters, high + group * conv.filters
        sums[part, low:high] = 0
        begin, end = share(blocks, part, parts)
        for block in range(begin, end):
            n, first = block // conv.pieces, block % conv.pieces * conv.rows
            rows = min(conv.rows, conv.out_height - first)
            top = first * conv.stride_down - conv.top
            if in_place:
                band, start, pitch = x, pixel_at(xs, n, top, 0), xs.width * channels
            else:
                load_rows(
                    x, xs, n, group * channels, channels, top, -conv.left,
                    height - (conv.rows - rows) * conv.stride_down, width, room, 0, channels,
                )  # fmt: skip
                band, start, pitch = room, 0, width * channels
            load_patches(conv, band, start, pitch, rows, room, patches)
            product_added(
                high - low, patch, rows * across,
                dy, pixel_at(ys, n, first, 0) + low * plane, plane, pixel,
                room, patches, patch, 1, sums, (part * sums.shape[1] + low) * patch, patch, 1,
            )  # fmt: skip


@kernel
def _collect(rank, size, sums, dw):  # type: ignore[no-untyped-def]
    """dw = the sum of its parts, whose patches are in the order (r, s, c)."""
    filters, channels, down, across = dw.shape
    lo, hi = share(filters, rank, size)
    for k in range(lo, hi):
        total = sums[0, k]
        for part in range(1, sums.shape[0]):
            add_to(total, sums[part, k])
        for tap in range(down * across):
            for c in range(channels):
                dw[k, c, tap // across, tap % across] = total[tap * channels + c]


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
    flat_x, xs = flat_images(x)
    flat_y, ys = flat_images(y)
    conv, words = plan_forward(conv_of(w.shape, y.shape[2:], window, groups), y.itemsize)
    strips, counter, rooms = _rooms(y.dtype, strips_shape(w.shape, w.itemsize, groups), words)
    pack_filters(w, strips, counter)
    bias = np.empty(0, y.dtype) if b is None else b
    _forward(
        conv, xs, flat_x, _needs_no_band(conv, xs), strips, bias, ACTIVATIONS.index(activation),
        np.array([alpha]), ys, flat_y, counter, rooms, width=len(rooms),
    )  # fmt: skip


def input_gradient(
    dy: np.ndarray, w: np.ndarray, window: Window, groups: int, dx: np.ndarray
) -> None:
    """dx of conv2d, as products that give patches, which are then added up."""
    flat_dy, ys = flat_images(dy)
    flat_dx, xs = flat_images(dx)
    conv, words = plan_input_gradient(
        conv_of(w.shape, dy.shape[2:], window, groups), xs, dx.itemsize
    )
    strips, counter, rooms = _rooms(
        dx.dtype, strips_shape(w.shape, w.itemsize, groups, patches=True), words
    )
    pack_patches(w, strips, counter)
    _input_gradient(conv, ys, flat_dy, strips, xs, flat_dx, counter, rooms, width=len(rooms))


def weight_gradient(
    dy: np.ndarray, x: np.ndarray, window: Window, groups: int, dw: np.ndarray
) -> None:
    """dw of conv2d."""
    flat_x, xs = flat_images(x)
    flat_dy, ys = flat_images(dy)
    conv, words = plan_weight_gradient(conv_of(dw.shape, dy.shape[2:], window, groups), dw.itemsize)
    parts = parts_for(xs.count * conv.pieces, dw.nbytes)
    sums, counter, rooms = _rooms(dw.dtype, (parts, dw.shape[0], dw[0].size), words)
    reset(counter)
    _weight_gradient(
        conv, xs, flat_x, _needs_no_band(conv, xs), ys, flat_dy, cuts_for(parts * groups), sums,
        counter, rooms, width=len(rooms),
    )  # fmt: skip
    _collect(sums, dw, width=threads_for(4.0 * sums.size))


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
    conv = conv_of(w_shape, window.output_size(*x_shape[2:]), window, groups)
    xs = Images(*x_shape, 0)
    weights = math.prod(w_shape)
    if direction == "weight_gradient":
        conv, words = plan_weight_gradient(conv, itemsize)
        shared = weights * parts_for(xs.count * conv.pieces, weights * itemsize)
    else:
        is_forward = direction == "forward"
        shared = math.prod(strips_shape(w_shape, itemsize, groups, patches=not is_forward))
        plan = (
            plan_forward(conv, itemsize) if is_forward else plan_input_gradient(conv, xs, itemsize)
        )
        words = plan[1]
    return shared + threads * words


def plan_forward(conv: Conv, itemsize: int) -> tuple[Conv, int]:
    """Cut the convolution into items; also how many elements of room one takes."""
    width = (conv.out_width - 1) * conv.stride_across + _reach(conv)[1]
    line, result = width * conv.channels, conv.out_width * conv.filters
    if is_packed(conv):
        result += conv.out_width * conv.channels * conv.taps_down * conv.taps_across
    conv = cut(conv, conv.out_height, (line * conv.stride_down + result) * itemsize)
    height = (conv.rows - 1) * conv.stride_down + _reach(conv)[0]
    return conv, height * line + conv.rows * result + 64


def plan_input_gradient(conv: Conv, xs: Images, itemsize: int) -> tuple[Conv, int]:
    """Cut the convolution into items; also how many elements of room one takes."""
    reach = (conv.out_width - 1) * conv.stride_across + _reach(conv)[1]
    width = max(xs.width, reach - conv.left) - min(0, -conv.left)
    # A band shares its neighbours' output rows, and each computes them: so make bands high.
    conv = cut(conv, xs.height, width * conv.channels * itemsize, 1 << 20)
    row = conv.out_width * conv.channels * conv.taps_down * conv.taps_across
    chunk = max(1, min(conv.out_height, (1 << 17) // (row * itemsize)))
    return conv, conv.rows * width * conv.channels + chunk * row + 64


def plan_weight_gradient(conv: Conv, itemsize: int) -> tuple[Conv, int]:
    """Cut the convolution into items; also how many elements of room one takes."""
    width = (conv.out_width - 1) * conv.stride_across + _reach(conv)[1]
    line = width * conv.channels
    patches = conv.out_width * conv.channels * conv.taps_down * conv.taps_across
    conv = cut(conv, conv.out_height, (line * conv.stride_down + patches) * itemsize, 1 << 19)
    height = (conv.rows - 1) * conv.stride_down + _reach(conv)[0]
    return conv, height * line + conv.rows * patches


def _reach(conv: Conv) -> tuple[int, int]:
    """Rows and columns that the taps of one position span."""
    return (
        (conv.taps_down - 1) * conv.dilation_down + 1,
        (conv.taps_across - 1) * conv.dilation_across + 1,
    )


def _needs_no_band(conv: Conv, xs: Images) -> bool:
    """Whether all taps of all positions lie inside channels-last images."""
    height, width = _reach(conv)
    inside = conv.top == 0 and conv.left == 0 and conv.groups == 1 and xs.last
    down = (conv.out_height - 1) * conv.stride_down + height <= xs.height
    return bool(inside and down and (conv.out_width - 1) * conv.stride_across + width <= xs.width)


def _rooms(
    dtype: np.dtype, shared: tuple[int, ...], words: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Room that all threads share, the counter of items, and room for each thread."""
    common, counter, rooms = scratch(dtype, shared, (16,), (team().size, words))
    return common, counter.view(np.int64), rooms
