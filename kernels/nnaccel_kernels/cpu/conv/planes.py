"""Implicit GEMM for patches of few elements, and for 1x1 convolutions: a plane of pixels per tap.

A matrix with a row for each tap (c, r, s) and a column for each position is small enough for the
cache, or is the image itself. Weights are used as they lie in memory, and so are y and dy, in
either order.
"""

from __future__ import annotations

import math

import numpy as np
from numba.extending import register_jitable

from nnaccel_kernels.cpu.activation import activate_span
from nnaccel_kernels.cpu.conv.band import Images, flat_images, pixel_at, strides
from nnaccel_kernels.cpu.conv.planes_input import input_gradient, plan_input_planes
from nnaccel_kernels.cpu.conv.shape import (
    Conv,
    Problem,
    conv_of,
    cut,
    is_in_place,
    locate,
    positions_inside,
    source,
)
from nnaccel_kernels.cpu.matmul.epilogue import Ending, finish_pixels
from nnaccel_kernels.cpu.matmul.matmul import STRIP_BYTES, product, product_from
from nnaccel_kernels.cpu.runtime.jit import njit
from nnaccel_kernels.cpu.runtime.kernel import kernel
from nnaccel_kernels.cpu.runtime.partial import add_up, cuts_for, parts_for, rooms_for, task_of
from nnaccel_kernels.cpu.runtime.sharing import claimed
from nnaccel_kernels.cpu.runtime.simd import copy_run
from nnaccel_kernels.window import Window

__all__ = ["forward", "input_gradient", "weight_gradient", "workspace"]


@register_jitable
def _load_plane(conv, xs, x, at, first, rows, r, s, plane):  # type: ignore[no-untyped-def]
    """Fill a plane (rows, out_width) with what a tap meets in the image of one channel at x[at]."""
    across, step = conv.out_width, strides(xs)[0] * conv.stride_across
    down, right = (
        (r, conv.stride_down, conv.top - first * conv.stride_down, conv.dilation_down),
        (s, conv.stride_across, conv.left, conv.dilation_across),
    )
    top, bottom = positions_inside(*down, xs.height, rows)
    begin, end = positions_inside(*right, xs.width, across)
    if top == bottom or begin == end:
        plane[: rows * across] = 0
        return
    pitch = xs.width * conv.stride_down * strides(xs)[0]
    at += (source(top, *down) * xs.width + source(begin, *right)) * strides(xs)[0]
    if step == 1 and pitch == across:  # rows follow each other as they do in the image
        count = (bottom - top - 1) * across + end - begin
        copy_run(count, x, at, plane, top * across + begin)
    else:
        for i in range(bottom - top):
            place = (top + i) * across + begin
            if step == 1:
                copy_run(end - begin, x, at + i * pitch, plane, place)
            else:
                for j in range(end - begin):
                    plane[place + j] = x[at + i * pitch + j * step]
    plane[: top * across] = 0
    plane[bottom * across : rows * across] = 0
    for i in range(top, bottom):
        for j in range(begin):
            plane[i * across + j] = 0
        for j in range(end, across):
            plane[i * across + j] = 0


@njit(nogil=True, cache=True, error_model="numpy")
def _load_planes(conv, xs, x, n, group, first, rows, planes):  # type: ignore[no-untyped-def]
    """Fill planes (C*R*S, rows * out_width) with what each tap meets at each position."""
    size, channel = rows * conv.out_width, strides(xs)[1]
    at = 0
    for c in range(conv.channels):
        image = pixel_at(xs, n, 0, 0) + (group * conv.channels + c) * channel
        for r in range(conv.taps_down):
            for s in range(conv.taps_across):
                _load_plane(conv, xs, x, image, first, rows, r, s, planes[at : at + size])
                at += size


@kernel
def _forward(rank, size, conv, xs, x, in_place, w, b, code, alpha, ys, y, counters, rooms):  # type: ignore[no-untyped-def]
    filters = conv.filters
    wide = STRIP_BYTES // y.itemsize
    start, room = rooms[rank, : b.size * wide], rooms[rank, b.size * wide :]
    for k in range(0 if ys.last else b.size):
        start[k * wide : (k + 1) * wide] = b[k]
    patch = conv.channels * conv.taps_down * conv.taps_across
    for item in claimed(counters, rank, size, xs.batch * conv.groups * conv.pieces):
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
            product_from(
                filters, pixels, patch, w, group * filters * patch, patch, 1,
                taps, at, plane, 1, b.size, start, group * filters * wide, y, target, apart,
            )  # fmt: skip
            for k in range(filters if code else 0):
                begin = target + k * apart
                activate_span(code, alpha[0], y[begin : begin + pixels])


@kernel
def _weight_gradient(  # type: ignore[no-untyped-def]
    rank, size, conv, xs, x, in_place, ys, dy, cuts, sums, counters, rooms
):
    """sums (parts, groups * K, C*R*S), each of some of the items; rows of filters in `cuts`."""
    room = rooms[rank]
    parts, patch = sums.shape[0], sums.shape[2]
    blocks = xs.batch * conv.pieces
    pixel, channel = strides(ys)
    for item in claimed(counters, rank, size, parts * conv.groups * cuts):
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
    start = end[0].size * STRIP_BYTES // y.itemsize
    _, counters, rooms = rooms_for(y.dtype, (0,), start + words)
    _forward(
        conv, xs, flat_x, is_in_place(conv, xs), w, *end, ys, flat_y, counters, rooms,
        width=len(rooms),
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
        conv, xs, flat_x, is_in_place(conv, xs), ys, flat_dy, cuts_for(parts * groups), sums,
        counters, rooms, width=len(rooms),
    )  # fmt: skip
    add_up(sums.reshape(parts, -1), dw.reshape(-1))


def workspace(problem: Problem, threads: int) -> int:
    """How many elements of workspace are needed."""
    xs = problem.xs._replace(last=1)  # the order that takes more
    weights = math.prod(problem.w_shape)
    if problem.direction == "input_gradient":
        return threads * plan_input_planes(problem.conv, xs, problem.itemsize)[1]
    conv, words = plan_planes(problem.conv, xs, problem.itemsize)
    if problem.direction == "forward":
        start = problem.ys.channels * STRIP_BYTES // problem.itemsize
        return threads * (start + words)
    parts = parts_for(xs.batch * conv.pieces, weights * problem.itemsize)
    return threads * words + weights * parts


def plan_planes(conv: Conv, xs: Images, itemsize: int) -> tuple[Conv, int]:
    """Cut the convolution into items; also how many elements of room one takes."""
    patch = conv.channels * conv.taps_down * conv.taps_across
    conv = cut(conv, conv.out_height, conv.out_width * patch * itemsize)
    return conv, 0 if is_in_place(conv, xs) else conv.rows * conv.out_width * patch
