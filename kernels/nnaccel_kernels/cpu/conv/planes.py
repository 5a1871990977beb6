"""Implicit GEMM with a plane of pixels for each tap: for patches of few elements, and 1x1 windows.

A work item's columns, (C*R*S, positions), fit in the cache, or are the image itself. Weights, y and
dy are used as they lie in memory, in either layout.
"""

from __future__ import annotations

import math

import numpy as np
from numba.extending import register_jitable

from nnaccel_kernels.cpu.activation import activate_span
from nnaccel_kernels.cpu.conv.band import Images, flat_images, pixel_at, strides
from nnaccel_kernels.cpu.conv.planes_input import input_gradient, split_input_planes
from nnaccel_kernels.cpu.conv.reduction import (
    add_up,
    cuts_for,
    parts_for,
    task_of,
)
from nnaccel_kernels.cpu.conv.shape import (
    Conv,
    Problem,
    conv_of,
    is_in_place,
    locate,
    positions_inside,
    receptive_field,
    source,
    split_rows,
)
from nnaccel_kernels.cpu.matmul.epilogue import Epilogue
from nnaccel_kernels.cpu.matmul.product import STRIP_BYTES, product, product_from, product_plus_row
from nnaccel_kernels.cpu.matmul.transpose import transpose
from nnaccel_kernels.cpu.runtime.jit import njit
from nnaccel_kernels.cpu.runtime.kernel import kernel
from nnaccel_kernels.cpu.runtime.sharing import work_items
from nnaccel_kernels.cpu.runtime.workspace import thread_workspaces
from nnaccel_kernels.cpu.vector.runs import copy_run
from nnaccel_kernels.window import Window

__all__ = ["forward", "input_gradient", "weight_gradient", "workspace_size"]


@register_jitable
def _load_plane(conv, xs, x, at, first, rows, r, s, plane):  # type: ignore[no-untyped-def]
    """Fill a plane (rows, out_width) with the pixels under a tap, in the channel at x[at]."""
    across, step = conv.out_width, conv.stride_across
    down, right = (
        (r, conv.stride_down, conv.top - first * conv.stride_down, conv.dilation_down),
        (s, conv.stride_across, conv.left, conv.dilation_across),
    )
    top, bottom = positions_inside(*down, xs.height, rows)
    begin, end = positions_inside(*right, xs.width, across)
    if top == bottom or begin == end:
        plane[: rows * across] = 0
        return
    pitch = xs.width * conv.stride_down
    at += source(top, *down) * xs.width + source(begin, *right)
    if step == 1 and pitch == across:  # rows lie as they do in the image
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
def _load_planes(conv, xs, x, n, group, first, rows, work):  # type: ignore[no-untyped-def]
    """Fill planes (C*R*S, rows * out_width) with the pixel under each tap at each position.

    Pixels of several channels are first taken apart, behind the planes, as every tap reads them.
    """
    channels, size = conv.channels, rows * conv.out_width
    at, apart = pixel_at(xs, n, 0, 0), xs.height * xs.width
    if xs.last and xs.channels > 1:
        top = first * conv.stride_down - conv.top
        begin, end = max(0, top), min(xs.height, top + receptive_field(conv, rows)[0])
        behind = channels * conv.taps_down * conv.taps_across * size
        at, apart = pixel_at(xs, n, begin, 0) + group * channels, max(0, end - begin) * xs.width
        transpose(apart, channels, x, at, xs.channels, work, behind, apart)
        x, at = work, behind - begin * xs.width
    else:
        at += group * channels * apart
    place = 0
    for c in range(channels):
        for r in range(conv.taps_down):
            for s in range(conv.taps_across):
                plane = work[place : place + size]
                _load_plane(conv, xs, x, at + c * apart, first, rows, r, s, plane)
                place += size


@kernel
def _forward(rank, size, conv, xs, x, in_place, w, b, code, alpha, ys, y, counters, workspaces):  # type: ignore[no-untyped-def]
    filters = conv.filters
    wide = STRIP_BYTES // y.itemsize
    start, work = workspaces[rank, : b.size * wide], workspaces[rank, b.size * wide :]
    for k in range(0 if ys.last else b.size):
        start[k * wide : (k + 1) * wide] = b[k]
    patch = conv.channels * conv.taps_down * conv.taps_across
    for item in work_items(counters, rank, size, xs.batch * conv.groups * conv.pieces):
        n, group, first = locate(item, conv)
        rows = min(conv.rows, conv.out_height - first)
        pixels = rows * conv.out_width
        if in_place:
            plane = xs.height * xs.width
            taps, at = x, pixel_at(xs, n, first, 0) + group * patch * plane
        else:
            _load_planes(conv, xs, x, n, group, first, rows, work)
            taps, at, plane = work, 0, pixels
        target = pixel_at(ys, n, first, 0)
        if ys.last:
            target += group * filters
            product_plus_row(
                pixels, filters, patch, taps, at, 1, plane, w, group * filters * patch, 1, patch,
                b.size, b, group * filters, y, target, ys.channels,
            )  # fmt: skip
            if conv.groups == 1:
                activate_span(code, alpha[0], y[target : target + pixels * filters])
            else:
                for p in range(pixels):
                    at = target + p * ys.channels
                    activate_span(code, alpha[0], y[at : at + filters])
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
    rank, size, conv, xs, x, in_place, ys, dy, cuts, sums, counters, workspaces
):
    """sums (parts, groups * K, C*R*S): each part of some work items, its filters cut in `cuts`."""
    work = workspaces[rank]
    parts, patch = sums.shape[0], sums.shape[2]
    blocks = xs.batch * conv.pieces
    pixel, channel = strides(ys)
    for item in work_items(counters, rank, size, parts * conv.groups * cuts):
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
                _load_planes(conv, xs, x, n, group, first, rows, work)
                taps, at, plane = work, 0, pixels
            product(
                high - low, patch, pixels,
                dy, pixel_at(ys, n, first, 0) + low * channel, channel, pixel,
                taps, at, 1, plane, sums, (part * sums.shape[1] + low) * patch, patch, 1,
            )  # fmt: skip


def forward(
    x: np.ndarray, w: np.ndarray, epilogue: Epilogue, window: Window, groups: int, y: np.ndarray
) -> None:
    """y = f(conv2d(x, w) + b), where `epilogue` holds f and b."""
    flat_x, xs = flat_images(x)
    flat_y, ys = flat_images(y)
    conv, elements = split_planes(conv_of(w.shape, y.shape[2:], window, groups), xs, y.itemsize)
    start = epilogue[0].size * STRIP_BYTES // y.itemsize
    _, counters, workspaces = thread_workspaces(y.dtype, (0,), start + elements)
    _forward(
        conv, xs, flat_x, is_in_place(conv, xs), w, *epilogue, ys, flat_y, counters, workspaces,
        width=len(workspaces),
    )  # fmt: skip


def weight_gradient(
    dy: np.ndarray, x: np.ndarray, window: Window, groups: int, dw: np.ndarray
) -> None:
    """dw of conv2d."""
    flat_x, xs = flat_images(x)
    flat_dy, ys = flat_images(dy)
    conv, elements = split_planes(conv_of(dw.shape, dy.shape[2:], window, groups), xs, dw.itemsize)
    parts = parts_for(xs.batch * conv.pieces, dw.nbytes)
    sums, counters, workspaces = thread_workspaces(
        dw.dtype, (parts, dw.shape[0], dw[0].size), elements
    )
    _weight_gradient(
        conv, xs, flat_x, is_in_place(conv, xs), ys, flat_dy, cuts_for(parts * groups), sums,
        counters, workspaces, width=len(workspaces),
    )  # fmt: skip
    add_up(sums.reshape(parts, -1), dw.reshape(-1))


def workspace_size(problem: Problem, threads: int) -> int:
    """Elements of workspace."""
    xs = problem.xs._replace(last=1)  # the layout that takes more
    weights = math.prod(problem.w_shape)
    if problem.direction == "input_gradient":
        return threads * split_input_planes(problem.conv, xs, problem.itemsize)[1]
    conv, elements = split_planes(problem.conv, xs, problem.itemsize)
    if problem.direction == "forward":
        start = problem.ys.channels * STRIP_BYTES // problem.itemsize
        return threads * (start + elements)
    parts = parts_for(xs.batch * conv.pieces, weights * problem.itemsize)
    return threads * elements + weights * parts


def split_planes(conv: Conv, xs: Images, itemsize: int) -> tuple[Conv, int]:
    """Split images into work items; return also the elements of workspace of a thread."""
    patch = conv.channels * conv.taps_down * conv.taps_across
    conv = split_rows(conv, conv.out_height, conv.out_width * patch * itemsize)
    if is_in_place(conv, xs):
        return conv, 0
    apart = conv.channels * receptive_field(conv, conv.rows)[0] * xs.width if xs.last else 0
    return conv, conv.rows * conv.out_width * patch + apart
