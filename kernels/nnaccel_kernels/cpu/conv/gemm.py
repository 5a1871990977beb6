"""Implicit GEMM: convolution as matrix products, without a column matrix in memory.

A work item is a few rows of one image. The rows of x that it reads are copied into the cache as a
band. There a patch's row of taps is a run of neighbouring elements, so that products read their
left factor from the band itself [1]_.

.. [1] K. Chellapilla, S. Puri and P. Simard, "High performance convolutional neural networks for
   document processing", IWFHR 2006; blocked for the cache as in K. Goto and R. A. van de Geijn,
   "Anatomy of high-performance matrix multiplication", ACM TOMS 34(3), 2008.
"""

from __future__ import annotations

import math

import numpy as np
from numba.extending import register_jitable

from nnaccel_kernels.cpu.conv.band import flat_images, pixel_at, store_rows
from nnaccel_kernels.cpu.conv.gemm_input import input_gradient, split_input_gradient
from nnaccel_kernels.cpu.conv.gemm_weights import split_weight_gradient, weight_gradient
from nnaccel_kernels.cpu.conv.patches import band_of, load_patches, needs_no_band
from nnaccel_kernels.cpu.conv.reduction import parts_for
from nnaccel_kernels.cpu.conv.shape import (
    Conv,
    Problem,
    conv_of,
    locate,
    receptive_field,
    runs_of,
    split_rows,
)
from nnaccel_kernels.cpu.matmul.epilogue import Epilogue, apply_epilogue
from nnaccel_kernels.cpu.matmul.kept_weights import weight_workspaces
from nnaccel_kernels.cpu.matmul.packing import pack_filters, strips_shape
from nnaccel_kernels.cpu.matmul.product import product_of_runs, product_of_strips
from nnaccel_kernels.cpu.runtime.kernel import kernel
from nnaccel_kernels.cpu.runtime.sharing import work_items
from nnaccel_kernels.window import Window

__all__ = ["forward", "input_gradient", "weight_gradient", "workspace_size"]

_SHORT = 9  # positions: shorter rows are written out as patches


@register_jitable
def writes_patches(conv):  # type: ignore[no-untyped-def]
    """Whether rows are so short that patches are written out, for one product of several rows."""
    return conv.out_width < _SHORT and conv.taps_down * conv.taps_across > 1


@kernel
def _forward(  # type: ignore[no-untyped-def]
    rank, size, conv, xs, x, in_place, strips, b, code, alpha, ys, y, counters, workspaces
):
    work = workspaces[rank]
    channels, filters, across = conv.channels, conv.filters, conv.out_width
    lanes = strips.shape[3]
    strip = strips.shape[2] * lanes
    height, width = receptive_field(conv, conv.rows)
    runs, run = runs_of(conv)
    pieces = conv.taps_down * runs
    patches = (height * width * channels + lanes) // lanes * lanes
    results = patches
    by_patches = writes_patches(conv)
    if by_patches:
        results += conv.rows * across * pieces * run
    write_through = ys.last and conv.groups == 1
    for item in work_items(counters, rank, size, xs.batch * conv.groups * conv.pieces):
        n, group, first = locate(item, conv)
        rows = min(conv.rows, conv.out_height - first)
        band, begin, pitch = band_of(conv, xs, x, in_place, n, group, first, rows, work)
        weights = group * strips.shape[1] * strip
        if write_through:
            target, place = y, pixel_at(ys, n, first, 0)
        else:
            target, place = work, results
        if by_patches:
            load_patches(conv, band, begin, pitch, rows, work, patches)
            product_of_strips(
                rows * across, filters, pieces * run, work, patches, pieces * run, 1,
                strips, weights, strip, target, place, filters, 0,
            )  # fmt: skip
        else:
            # Runs of a patch that are as far apart as each other: all, or those in a row of taps.
            inner, jump = runs, conv.dilation_across * channels
            if runs == 1:
                inner, jump = pieces, conv.dilation_down * pitch
            for i in range(rows):
                for piece in range(0, pieces, inner):
                    down = i * conv.stride_down + piece // runs * conv.dilation_down
                    product_of_runs(
                        across, filters, inner, run,
                        band, begin + down * pitch, conv.stride_across * channels, jump,
                        strips, weights + piece * run * lanes, strip,
                        target, place + i * across * filters, filters, piece,
                    )  # fmt: skip
        pixels = rows * across
        bias = group * filters
        apply_epilogue(target, place, pixels, filters, b, bias, filters, code, alpha)
        if not write_through:
            store_rows(
                work, results, filters, across, y, ys, n, group * filters, filters, first, rows
            )


def forward(
    x: np.ndarray, w: np.ndarray, epilogue: Epilogue, window: Window, groups: int, y: np.ndarray
) -> None:
    """y = f(conv2d(x, w) + b), where `epilogue` holds f and b."""
    flat_x, xs = flat_images(x)
    flat_y, ys = flat_images(y)
    conv, elements = split_forward(conv_of(w.shape, y.shape[2:], window, groups), y.itemsize)
    shape = strips_shape(w.shape, w.itemsize, groups)
    packing, counters, workspaces = weight_workspaces(w, groups, shape, elements)
    pack_filters(packing, conv.channels)
    _forward(
        conv, xs, flat_x, needs_no_band(conv, xs), packing.strips, *epilogue, ys, flat_y, counters,
        workspaces, width=len(workspaces),
    )  # fmt: skip


def workspace_size(problem: Problem, threads: int) -> int:
    """Elements of workspace."""
    conv, xs, itemsize, weights = problem.conv, problem.xs, problem.itemsize, problem.w_shape
    if problem.direction == "weight_gradient":
        conv, elements = split_weight_gradient(conv, itemsize)
        shared = math.prod(weights)
        shared *= parts_for(xs.batch * conv.pieces, shared * itemsize)
    elif problem.direction == "forward":
        _, elements = split_forward(conv, itemsize)
        shared = math.prod(strips_shape(weights, itemsize, conv.groups))
    else:
        _, elements = split_input_gradient(conv, xs, itemsize)
        shared = math.prod(strips_shape(weights, itemsize, conv.groups, patches=True))
    return shared + threads * elements


def split_forward(conv: Conv, itemsize: int) -> tuple[Conv, int]:
    """Split images into work items; return also the elements of workspace of a thread."""
    line, result = receptive_field(conv, 1)[1] * conv.channels, conv.out_width * conv.filters
    if writes_patches(conv):
        result += conv.out_width * conv.channels * conv.taps_down * conv.taps_across
    conv = split_rows(conv, conv.out_height, (line * conv.stride_down + result) * itemsize)
    return conv, receptive_field(conv, conv.rows)[0] * line + conv.rows * result + 64
