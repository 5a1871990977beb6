"""Implicit GEMM, the gradient of the weights: products of dy with patches, summed over a batch."""

from __future__ import annotations

import numpy as np

from nnaccel_kernels.cpu.conv.band import flat_images, pixel_at, strides
from nnaccel_kernels.cpu.conv.patches import band_of, load_patches, needs_no_band
from nnaccel_kernels.cpu.conv.reduction import cuts_for, parts_for, rooms_for, task_of
from nnaccel_kernels.cpu.conv.shape import Conv, conv_of, cut, reach
from nnaccel_kernels.cpu.matmul.matmul import product
from nnaccel_kernels.cpu.runtime.kernel import kernel
from nnaccel_kernels.cpu.runtime.sharing import claimed, share, threads_for
from nnaccel_kernels.cpu.vector.runs import add_to
from nnaccel_kernels.window import Window


@kernel
def _weight_gradient(  # type: ignore[no-untyped-def]
    rank, size, conv, xs, x, in_place, ys, dy, cuts, sums, counters, rooms
):
    """sums (parts, groups * K, R*S*C), each of some of the items; rows of filters in `cuts`."""
    room = rooms[rank]
    parts, patch, channels = sums.shape[0], sums.shape[2], conv.channels
    across, blocks = conv.out_width, xs.batch * conv.pieces
    height, width = reach(conv, conv.rows)
    patches = height * width * channels
    pixel, plane = strides(ys)
    for item in claimed(counters, rank, size, parts * conv.groups * cuts):
        part, group, low, high, begin, end = task_of(item, sums, conv, cuts, blocks)
        sums[part, low:high] = 0
        for block in range(begin, end):
            n, first = block // conv.pieces, block % conv.pieces * conv.rows
            rows = min(conv.rows, conv.out_height - first)
            band, start, pitch = band_of(conv, xs, x, in_place, n, group, first, rows, room)
            load_patches(conv, band, start, pitch, rows, room, patches)
            product(
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


def weight_gradient(
    dy: np.ndarray, x: np.ndarray, window: Window, groups: int, dw: np.ndarray
) -> None:
    """dw of conv2d."""
    flat_x, xs = flat_images(x)
    flat_dy, ys = flat_images(dy)
    conv, words = plan_weight_gradient(conv_of(dw.shape, dy.shape[2:], window, groups), dw.itemsize)
    parts = parts_for(xs.batch * conv.pieces, dw.nbytes)
    sums, counters, rooms = rooms_for(dw.dtype, (parts, dw.shape[0], dw[0].size), words)
    _weight_gradient(
        conv, xs, flat_x, needs_no_band(conv, xs), ys, flat_dy, cuts_for(parts * groups), sums,
        counters, rooms, width=len(rooms),
    )  # fmt: skip
    _collect(sums, dw, width=threads_for(4.0 * sums.size))


def plan_weight_gradient(conv: Conv, itemsize: int) -> tuple[Conv, int]:
    """Cut the convolution into items; also how many elements of room one takes."""
    line = reach(conv, 1)[1] * conv.channels
    patches = conv.out_width * conv.channels * conv.taps_down * conv.taps_across
    conv = cut(conv, conv.out_height, (line * conv.stride_down + patches) * itemsize, 1 << 19)
    return conv, reach(conv, conv.rows)[0] * line + conv.rows * patches
