"""Gradient of the input by planes: products give a plane for each tap, which are added to dx."""

from __future__ import annotations

import numpy as np
from numba.extending import register_jitable

from nnaccel_kernels.cpu.conv.band import Images, flat_images, pixel_at, strides
from nnaccel_kernels.cpu.conv.shape import (
    Conv,
    conv_of,
    is_in_place,
    locate,
    positions_inside,
    row_under,
    rows_reaching,
    source,
    split_rows,
)
from nnaccel_kernels.cpu.matmul.product import product
from nnaccel_kernels.cpu.runtime.kernel import kernel
from nnaccel_kernels.cpu.runtime.sharing import work_items
from nnaccel_kernels.cpu.runtime.workspace import thread_workspaces
from nnaccel_kernels.cpu.vector.runs import add_to
from nnaccel_kernels.window import Window


@register_jitable
def _add_plane(conv, xs, dx, image, first, rows, top, count, r, s, plane):  # type: ignore[no-untyped-def]
    """Add a tap's plane, `count` rows of positions, to rows of the channel at dx[image]."""
    tap = s, conv.stride_across, conv.left, conv.dilation_across
    begin, end = positions_inside(*tap, xs.width, conv.out_width)
    one = strides(xs)[0]
    step = conv.stride_across * one
    for i in range(count):
        row = row_under(conv, top + i, r)
        if row < first or row >= first + rows:
            continue
        line = plane[i * conv.out_width + begin : i * conv.out_width + end]
        at = image + (row * xs.width + source(begin, *tap)) * one
        if step == 1:
            add_to(dx[at : at + line.size], line)
        else:
            for j in range(line.size):
                dx[at + j * step] += line[j]


@register_jitable
def _clear(xs, dx, image, first, rows):  # type: ignore[no-untyped-def]
    """Set rows of the channel at dx[image] to 0."""
    one = strides(xs)[0]
    begin, count = image + first * xs.width * one, rows * xs.width
    for j in range(count):
        dx[begin + j * one] = 0


@kernel
def _input_gradient(rank, size, conv, ys, dy, w, xs, dx, in_place, counters, workspaces):  # type: ignore[no-untyped-def]
    work = workspaces[rank]
    across, taps = conv.out_width, conv.taps_down * conv.taps_across
    patch = conv.channels * taps
    chunk = max(1, work.size // max(1, across * patch))
    pixel, channel = strides(ys)
    for item in work_items(counters, rank, size, xs.batch * conv.groups * conv.pieces):
        n, group, first = locate(item, conv)
        rows = min(conv.rows, xs.height - first)
        image, apart = pixel_at(xs, n, 0, 0), strides(xs)[1]
        image += group * conv.channels * apart
        weights, filters = group * conv.filters * patch, group * conv.filters * channel
        if in_place:
            product(
                patch, rows * across, conv.filters, w, weights, 1, patch,
                dy, pixel_at(ys, n, first, 0) + filters, channel, pixel,
                dx, image + first * xs.width, apart,
            )  # fmt: skip
            continue
        for c in range(conv.channels):
            _clear(xs, dx, image + c * apart, first, rows)
        begin, end = rows_reaching(conv, first, rows)
        for top in range(begin, end, chunk):
            count = min(chunk, end - top)
            product(
                patch, count * across, conv.filters, w, weights, 1, patch,
                dy, pixel_at(ys, n, top, 0) + filters, channel, pixel, work, 0, count * across,
            )  # fmt: skip
            for t in range(patch):
                c, r, s = t // taps, t % taps // conv.taps_across, t % conv.taps_across
                plane = work[t * count * across : (t + 1) * count * across]
                _add_plane(conv, xs, dx, image + c * apart, first, rows, top, count, r, s, plane)


def input_gradient(
    dy: np.ndarray, w: np.ndarray, window: Window, groups: int, dx: np.ndarray
) -> None:
    """dx of conv2d."""
    flat_dy, ys = flat_images(dy)
    flat_dx, xs = flat_images(dx)
    conv, elements = split_input_planes(
        conv_of(w.shape, dy.shape[2:], window, groups), xs, dx.itemsize
    )
    _, counters, workspaces = thread_workspaces(dx.dtype, (0,), elements)
    in_place = is_in_place(conv, xs)
    _input_gradient(
        conv, ys, flat_dy, w, xs, flat_dx, in_place, counters, workspaces, width=len(workspaces)
    )  # fmt: skip


def split_input_planes(conv: Conv, xs: Images, itemsize: int) -> tuple[Conv, int]:
    """Split images into work items; return also the elements of workspace of a thread."""
    # Neighbouring items both compute the rows of output that reach both, so items are large.
    conv = split_rows(conv, xs.height, xs.width * conv.channels * itemsize, 1 << 18)
    line = conv.out_width * conv.channels * conv.taps_down * conv.taps_across
    chunk = max(1, min(conv.out_height, (1 << 17) // (line * itemsize)))
    return conv, 0 if is_in_place(conv, xs) else chunk * line
