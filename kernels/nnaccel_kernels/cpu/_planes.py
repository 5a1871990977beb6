"""Implicit GEMM for patches of few elements, and for 1x1 convolutions: a plane of pixels per tap.

A matrix with a row for each tap (c, r, s) and a column for each position is small enough for the
cache, or is the image itself. Weights are used as they lie in memory, and so are y and dy, in
either order.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from nnaccel_kernels._window import Window
from nnaccel_kernels.cpu._activation import activate_span
from nnaccel_kernels.cpu._band import Images, flat_images, pixel_at, strides
from nnaccel_kernels.cpu._finish import Ending, finish_pixels
from nnaccel_kernels.cpu._kernel import claim, kernel
from nnaccel_kernels.cpu._matmul import product
from nnaccel_kernels.cpu._partial import add_up, cuts_for, parts_for, rooms_for, task_of
from nnaccel_kernels.cpu._shape import (
    Conv,
    Problem,
    conv_of,
    cut,
    locate,
    positions_inside,
    row_under,
    source,
)
from nnaccel_kernels.cpu._simd import copy_run


@njit(nogil=True, cache=True, error_model="numpy")
def _load_planes(conv, xs, x, n, group, first, rows, planes):  # type: ignore[no-untyped-def]
    """Fill planes (C*R*S, rows * out_width) with what each tap meets at each position."""
    zero = planes.dtype.type(0)
    across = conv.out_width
    one, channel = strides(xs)
    step = one * conv.stride_across
    at = 0
    for c in range(conv.channels):
        for r in range(conv.taps_down):
            for s in range(conv.taps_across):
                tap = s, conv.stride_across, conv.left, conv.dilation_across
                begin, end = positions_inside(*tap, xs.width, across)
                for i in range(rows):
                    row = row_under(conv, first + i, r)
                    line = planes[at : at + across]
                    at += across
                    if row < 0 or row >= xs.height:
                        line[:] = zero
                        continue
                    line[:begin] = zero
                    line[end:] = zero
                    at_x = pixel_at(xs, n, row, 0) + (group * conv.channels + c) * channel
                    at_x += source(begin, *tap) * one
                    if step == 1:
                        copy_run(end - begin, x, at_x, line, begin)
                    else:
                        for j in range(end - begin):
                            line[begin + j] = x[at_x + j * step]


@kernel
def _forward(rank, size, conv, xs, x, in_place, w, b, code, alpha, ys, y, counters, rooms):  # type: ignore[no-untyped-def]
    room = rooms[rank]
    filters = conv.filters
    patch = conv.channels * conv.taps_down * conv.taps_across
    items = xs.batch * conv.groups * conv.pieces
    while True:
        item = claim(counters, rank, size, items)
        if item == items:
            break
        n, group, first = locate(item, conv)
        rows = min(conv.rows, conv.out_height - first)
        pixels = rows * conv.out_width
        if in_place:
            plane = xs.height * xs.width
            taps, at = x, pixel_at(xs, n, first, 0) + group * patch * plane
        else:
            _load_planes(conv, xs, x, n, group, first, rows, room)
            taps, at, plane = room, 0, pixels
        target = pixel_at(ys, n, first, 0)
        if ys.last:
            target += group * filters
            product(
                pixels, filters, patch, taps, at, 1, plane,
                w, group * filters * patch, 1, patch, y, target, ys.channels,
            )  # fmt: skip
            bias = group * filters
            if conv.groups == 1:
                finish_pixels(y, target, pixels, filters, b, bias, filters, code, alpha)
            else:
                for p in range(pixels):
                    at = target + p * ys.channels
                    finish_pixels(y, at, 1, filters, b, bias, filters, code, alpha)
        else:
            apart = ys.height * ys.width
            target += group * filters * apart
            product(
                filters, pixels, patch, w, group * filters * patch, patch, 1,
                taps, at, plane, 1, y, target, apart,
            )  # fmt: skip
            for k in range(filters):
                line = y[target + k * apart : target + k * apart + pixels]
                if b.size:
                    for p in range(pixels):
                        line[p] += b[group * filters + k]
                activate_span(code, alpha[0], line)


@kernel
def _weight_gradient(  # type: ignore[no-untyped-def]
    rank, size, conv, xs, x, in_place, ys, dy, cuts, sums, counters, rooms
):
    """sums (parts, groups * K, C*R*S), each of some of the items; rows of filters in `cuts`."""
    room = rooms[rank]
    parts, patch = sums.shape[0], sums.shape[2]
    blocks = xs.batch * conv.pieces
    pixel, channel = strides(ys)
    items = parts * conv.groups * cuts
    while True:
        item = claim(counters, rank, size, items)
        if item == items:
            break
        part, group, low, high, begin, end = task_of(item, sums, conv, cuts, blocks)
        sums[part, low:high] = 0
        for block in range(begin, end):
            n, first = block // conv.pieces, block % conv.pieces * conv.rows
            rows = min(conv.rows, conv.out_height - first)
            pixels = rows * conv.out_width
            if in_place:
                plane = xs.height * xs.width
                taps, at = x, pixel_at(xs, n, first, 0) + group * patch * plane
            else:
                _load_planes(conv, xs, x, n, group, first, rows, room)
                taps, at, plane = room, 0, pixels
            product(
                high - low, patch, pixels,
                dy, pixel_at(ys, n, first, 0) + low * channel, channel, pixel,
                taps, at, 1, plane, sums, (part * sums.shape[1] + low) * patch, patch, 1,
            )  # fmt: skip


def forward(
    x: np.ndarray, w: np.ndarray, end: Ending, window: Window, groups: int, y: np.ndarray
) -> None:
    """y = f(conv2d(x, w) + b), where `end` holds f and b."""
    flat_x, xs = flat_images(x)
    flat_y, ys = flat_images(y)
    conv, words = plan_planes(conv_of(w.shape, y.shape[2:], window, groups), xs, y.itemsize)
    _, counters, rooms = rooms_for(y.dtype, (0,), words)
    _forward(
        conv, xs, flat_x, words == 0, w, *end, ys, flat_y, counters, rooms, width=len(rooms),
    )  # fmt: skip


def weight_gradient(
    dy: np.ndarray, x: np.ndarray, window: Window, groups: int, dw: np.ndarray
) -> None:
    """dw of conv2d."""
    flat_x, xs = flat_images(x)
    flat_dy, ys = flat_images(dy)
    conv, words = plan_planes(conv_of(dw.shape, dy.shape[2:], window, groups), xs, dw.itemsize)
    parts = parts_for(xs.batch * conv.pieces, dw.nbytes)
    sums, counters, rooms = rooms_for(dw.dtype, (parts, dw.shape[0], dw[0].size), words)
    _weight_gradient(
        conv, xs, flat_x, words == 0, ys, flat_dy, cuts_for(parts * groups), sums, counters, rooms,
        width=len(rooms),
    )  # fmt: skip
    add_up(sums.reshape(parts, -1), dw.reshape(-1))


def workspace(problem: Problem, threads: int) -> int:
    """How many elements of workspace are needed."""
    xs, weights = problem.xs, math.prod(problem.w_shape)
    conv, words = plan_planes(problem.conv, xs, problem.itemsize)
    if problem.direction == "forward":
        return threads * words
    parts = parts_for(xs.batch * conv.pieces, weights * problem.itemsize)
    return threads * words + weights * parts


def plan_planes(conv: Conv, xs: Images, itemsize: int) -> tuple[Conv, int]:
    """Cut the convolution into items; also how many elements of room one takes."""
    patch = conv.channels * conv.taps_down * conv.taps_across
    conv = cut(conv, conv.out_height, conv.out_width * patch * itemsize)
    return conv, 0 if _is_in_place(conv, xs) else conv.rows * conv.out_width * patch


def _is_in_place(conv: Conv, xs: Images) -> bool:
    """Whether the planes of the image itself are what the taps meet."""
    single = conv.taps_down == conv.taps_across == conv.stride_down == conv.stride_across == 1
    whole = conv.top == conv.left == 0 and (conv.out_height, conv.out_width) == xs[2:4]
    return single and whole and (not xs.last or xs.channels == 1)
