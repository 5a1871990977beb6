"""Implicit GEMM, gradient of the weights: products of dy and patches, summed over the batch."""

from __future__ import annotations

import numpy as np

from nnaccel_kernels.cpu.conv.band import flat_images, pixel_at, strides
from nnaccel_kernels.cpu.conv.patches import band_of, load_patches, needs_no_band
from nnaccel_kernels.cpu.conv.reduction import cuts_for, parts_for, task_of
from nnaccel_kernels.cpu.conv.shape import Conv, conv_of, receptive_field, split_rows
from nnaccel_kernels.cpu.matmul.product import product
from nnaccel_kernels.cpu.runtime.kernel import kernel
from nnaccel_kernels.cpu.runtime.sharing import share, threads_for, work_items
from nnaccel_kernels.cpu.runtime.workspace import thread_workspaces
from nnaccel_kernels.cpu.vector.runs import add_to
from nnaccel_kernels.window import Window


@kernel
def _weight_gradient(  # type: ignore[no-untyped-def]
    rank, size, conv, xs, x, in_place, ys, dy, cuts, sums, counters, workspaces
):
    """sums (parts, groups * K, R*S*C): each part of some work items, its filters cut in `cuts`."""
    work = workspaces[rank]
    parts, patch, channels = sums.shape[0], sums.shape[2], conv.channels
    across, blocks = conv.out_width, xs.batch * conv.pieces
    height, width = receptive_field(conv, conv.rows)
    patches = height * width * channels
    pixel, plane = strides(ys)
    for item in work_items(counters, rank, size, parts * conv.groups * cuts):
        part, group, low, high, begin, end = task_of(item, sums, conv, cuts, blocks)
        sums[part, low:high] = 0
        for block in range(begin, end):
            n, first = block // conv.pieces, block % conv.pieces * conv.rows
            rows = min(conv.rows, conv.out_height - first)
            band, start, pitch = band_of(conv, xs, x, in_place, n, group, first, rows, work)
            load_patches(conv, band, start, pitch, rows, work, patches)
            product(
                high - low, patch, rows * across,
                dy, pixel_at(ys, n, first, 0) + low * plane, plane, pixel,
                work, patches, patch, 1, sums, (part * sums.shape[1] + low) * patch, patch, 1,
            )  # fmt: skip


@kernel
def _sum_parts(rank, size, sums, dw):  # type: ignore[no-untyped-def]
    """dw (K, C, R, S) = the sum over parts of sums (parts, K, R*S*C)."""
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
    conv, elements = split_weight_gradient(
        conv_of(dw.shape, dy.shape[2:], window, groups), dw.itemsize
    )
    parts = parts_for(xs.batch * conv.pieces, dw.nbytes)
    sums, counters, workspaces = thread_workspaces(
        dw.dtype, (parts, dw.shape[0], dw[0].size), elements
    )
    _weight_gradient(
        conv, xs, flat_x, needs_no_band(conv, xs), ys, flat_dy, cuts_for(parts * groups), sums,
        counters, workspaces, width=len(workspaces),
    )  # fmt: skip
    _sum_parts(sums, dw, width=threads_for(4.0 * sums.size))


def split_weight_gradient(conv: Conv, itemsize: int) -> tuple[Conv, int]:
    """Split images into work items; return also the elements of workspace of a thread."""
    line = receptive_field(conv, 1)[1] * conv.channels
    patches = conv.out_width * conv.channels * conv.taps_down * conv.taps_across
    conv = split_rows(
        conv, conv.out_height, (line * conv.stride_down + patches) * itemsize, 1 << 19
    )
    return conv, receptive_field(conv, conv.rows)[0] * line + conv.rows * patches
