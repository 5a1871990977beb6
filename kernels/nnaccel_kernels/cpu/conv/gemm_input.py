"""Implicit GEMM, gradient of the input: products give patches, which are added to a band."""

from __future__ import annotations

import numpy as np
from numba.extending import register_jitable

from nnaccel_kernels.cpu.conv.band import Images, flat_images, pixel_at, store_rows, strides
from nnaccel_kernels.cpu.conv.shape import (
    Conv,
    conv_of,
    locate,
    receptive_field,
    row_under,
    rows_reaching,
    runs_of,
    split_rows,
)
from nnaccel_kernels.cpu.matmul.packing import pack_patches, strips_shape
from nnaccel_kernels.cpu.matmul.product import product_of_strips
from nnaccel_kernels.cpu.runtime.kernel import kernel
from nnaccel_kernels.cpu.runtime.sharing import work_items
from nnaccel_kernels.cpu.runtime.workspace import thread_workspaces
from nnaccel_kernels.cpu.vector.runs import add_to
from nnaccel_kernels.window import Window


@register_jitable
def add_run(count, work, source, target):  # type: ignore[no-untyped-def]
    """work[target : target + count] += work[source : source + count]."""
    add_to(work[target : target + count], work[source : source + count])


@kernel
def _input_gradient(rank, size, conv, ys, dy, strips, xs, dx, counters, workspaces):  # type: ignore[no-untyped-def]
    work = workspaces[rank]
    channels, filters, across = conv.channels, conv.filters, conv.out_width
    lanes = strips.shape[3]
    strip = strips.shape[2] * lanes
    runs, run = runs_of(conv)
    patch = conv.taps_down * runs * run
    zero = work.dtype.type(0)
    # The band has the columns of the image, and those of the padding that taps reach.
    left = min(0, -conv.left)
    width = max(xs.width, receptive_field(conv, 1)[1] - conv.left) - left
    patches = (conv.rows * width * channels + lanes) // lanes * lanes
    chunk = max(1, (work.size - patches) // max(1, across * patch))
    pixel, plane = strides(ys)
    for item in work_items(counters, rank, size, xs.batch * conv.groups * conv.pieces):
        n, group, first = locate(item, conv)
        rows = min(conv.rows, xs.height - first)
        work[: rows * width * channels] = zero
        begin, end = rows_reaching(conv, first, rows)
        for top in range(begin, end, chunk):
            count = min(chunk, end - top)
            product_of_strips(
                count * across, patch, filters,
                dy, pixel_at(ys, n, top, 0) + group * filters * plane, pixel, plane,
                strips, group * strips.shape[1] * strip, strip,
                work, patches, patch, 0,
            )  # fmt: skip
            for i in range(count):
                for r in range(conv.taps_down):
                    row = row_under(conv, top + i, r) - first
                    if row < 0 or row >= rows:
                        continue
                    for j in range(across):
                        source = patches + (i * across + j) * patch + r * runs * run
                        column = j * conv.stride_across - conv.left - left
                        for s in range(runs):
                            target = row * width + column + s * conv.dilation_across
                            add_run(run, work, source + s * run, target * channels)
        store_rows(
            work, -left * channels, channels, width,
            dx, xs, n, group * channels, channels, first, rows,
        )  # fmt: skip


def input_gradient(
    dy: np.ndarray, w: np.ndarray, window: Window, groups: int, dx: np.ndarray
) -> None:
    """dx of conv2d."""
    flat_dy, ys = flat_images(dy)
    flat_dx, xs = flat_images(dx)
    conv, elements = split_input_gradient(
        conv_of(w.shape, dy.shape[2:], window, groups), xs, dx.itemsize
    )
    strips, counters, workspaces = thread_workspaces(
        dx.dtype, strips_shape(w.shape, w.itemsize, groups, patches=True), elements
    )
    pack_patches(w, strips)
    _input_gradient(
        conv, ys, flat_dy, strips, xs, flat_dx, counters, workspaces, width=len(workspaces)
    )


def split_input_gradient(conv: Conv, xs: Images, itemsize: int) -> tuple[Conv, int]:
    """Split images into work items; return also the elements of workspace of a thread."""
    width = max(xs.width, receptive_field(conv, 1)[1] - conv.left) - min(0, -conv.left)
    # Neighbouring items both compute the rows of output that reach both, so items are large.
    conv = split_rows(conv, xs.height, width * conv.channels * itemsize, 1 << 20)
    row = conv.out_width * conv.channels * conv.taps_down * conv.taps_across
    chunk = max(1, min(conv.out_height, (1 << 17) // (row * itemsize)))
    return conv, conv.rows * width * conv.channels + chunk * row + 64
