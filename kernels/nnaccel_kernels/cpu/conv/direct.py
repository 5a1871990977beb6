"""Direct convolution: the sums of the definition, on channels-last images.

If each group has one channel, vectors run over the groups, and weights are packed as
(filters of a group, R * S, groups). Else vectors run over the output channels of a group, and
weights are packed as (R * S, input channels, output channels).
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from nnaccel_kernels.cpu.channels import repeated, run_length
from nnaccel_kernels.cpu.conv import depthwise
from nnaccel_kernels.cpu.conv.direct_sums import sum_depthwise, sum_grouped
from nnaccel_kernels.cpu.conv.direct_weights import (
    clear,
    weight_gradient_depthwise,
    weight_gradient_grouped,
)
from nnaccel_kernels.cpu.conv.reduction import add_up, parts_for
from nnaccel_kernels.cpu.conv.shape import Problem
from nnaccel_kernels.cpu.matmul.epilogue import Epilogue, epilogue_of
from nnaccel_kernels.cpu.runtime.kernel import kernel
from nnaccel_kernels.cpu.runtime.sharing import share, threads_for
from nnaccel_kernels.cpu.windows.parts import PART_BYTES, image_parts
from nnaccel_kernels.cpu.windows.sliding import tables, tap_tables
from nnaccel_kernels.window import Window


class Strides(NamedTuple):
    """Elements of packed weights from a group, filter, channel or tap to the next."""

    group: int
    filter: int
    channel: int
    tap: int


@kernel
def _pack(rank, size, w, groups, strides, packed):  # type: ignore[no-untyped-def]
    """Copy w (K, C / groups, R * S) to packed weights with these strides."""
    filters, channels, taps = w.shape
    each = filters // groups
    lo, hi = share(filters, rank, size)
    for k in range(lo, hi):
        for c in range(channels):
            at = k // each * strides.group + k % each * strides.filter + c * strides.channel
            for tap in range(taps):
                packed[at + tap * strides.tap] = w[k, c, tap]


@kernel
def _unpack(rank, size, packed, groups, strides, w):  # type: ignore[no-untyped-def]
    """The inverse of `_pack`."""
    filters, channels, taps = w.shape
    each = filters // groups
    lo, hi = share(filters, rank, size)
    for k in range(lo, hi):
        for c in range(channels):
            at = k // each * strides.group + k % each * strides.filter + c * strides.channel
            for tap in range(taps):
                w[k, c, tap] = packed[at + tap * strides.tap]


def forward(
    x: np.ndarray, w: np.ndarray, epilogue: Epilogue, window: Window, groups: int, y: np.ndarray
) -> None:
    """y = f(conv2d(x, w) + b), where `epilogue` holds f and b."""
    if _is_by_planes(w.shape, window, groups, x, y):
        slide = depthwise.slide_of(window, y.shape[2:], y.itemsize)
        depthwise.convolve(x, w.reshape(len(w), -1), epilogue, slide, False, y)
        return
    b, code, alpha = epilogue
    epilogue = (repeated(b, run_length(b.size)) if b.size else b), code, alpha
    width = threads_for(2.0 * y.size * w[0].size)
    strides, shape = _strides(w, groups)
    packed = _packed(w, groups, strides).reshape(shape)
    sums = sum_depthwise if _is_depthwise(w.shape, groups) else sum_grouped
    for target, image in image_parts(y, x):
        steps = tables(window, image, target)
        sums(image, packed, window.kernel_size[1], *steps, *epilogue, target, width=width)


def input_gradient(
    dy: np.ndarray, w: np.ndarray, window: Window, groups: int, dx: np.ndarray
) -> None:
    """dx of conv2d."""
    epilogue = epilogue_of(None, "linear", 0.0, dx.dtype)
    if _is_by_planes(w.shape, window, groups, dx, dy):
        slide = depthwise.slide_of(window, dx.shape[2:], dx.itemsize, adjoint=True)
        depthwise.convolve(dy, w.reshape(len(w), -1), epilogue, slide, True, dx)
        return
    width = threads_for(2.0 * dy.size * w[0].size)
    strides, shape = _strides(w, groups, adjoint=True)
    packed = _packed(w, groups, strides).reshape(shape)
    sums = sum_depthwise if _is_depthwise(w.shape, groups) else sum_grouped
    for target, gradient in image_parts(dx, dy):
        steps = tables(window, target, gradient, adjoint=True)
        sums(gradient, packed, window.kernel_size[1], *steps, *epilogue, target, width=width)


def weight_gradient(
    dy: np.ndarray, x: np.ndarray, window: Window, groups: int, dw: np.ndarray
) -> None:
    """dw of conv2d."""
    if _is_by_planes(dw.shape, window, groups, x, dy):
        depthwise.weight_gradient(dy, x, window, dw.reshape(len(dw), -1))
        return
    strides, shape = _strides(dw, groups)
    parts = parts_for(dy.shape[0] * dy.shape[2], dw.nbytes)
    sums, total = np.empty((parts, *shape), dw.dtype), np.empty(dw.size, dw.dtype)
    add = weight_gradient_depthwise if _is_depthwise(dw.shape, groups) else weight_gradient_grouped
    width = threads_for(2.0 * dy.size * dw[0].size)
    clear(sums.reshape(parts, -1), width=threads_for(sums.size))
    steps = tap_tables(window, x.shape[2:], dy.shape[2:])
    for gradient, image in image_parts(None, dy, x):
        add(gradient, image, *steps, *window.stride, sums, width=width)
    add_up(sums.reshape(parts, -1), total)
    _unpack(total, groups, strides, _by_tap(dw), width=threads_for(dw.size))


def workspace_size(problem: Problem, threads: int) -> int:
    """Elements of workspace in the memory layout that takes most."""
    xs, ys = problem.xs, problem.ys
    image = xs.channels * xs.height * xs.width + ys.channels * ys.height * ys.width
    weights = math.prod(problem.w_shape)
    if problem.direction == "weight_gradient":
        weights *= 1 + parts_for(xs.batch * ys.height, weights * problem.itemsize)
    copied = max(image, min(xs.batch * image, PART_BYTES // problem.itemsize))
    adjoint = problem.direction == "input_gradient"
    size = (xs if adjoint else ys)[2:4]
    slide = depthwise.slide_of(problem.window, size, problem.itemsize, adjoint)
    return max(weights + copied, threads * depthwise.workspace_of(slide))


def _is_depthwise(shape: tuple[int, ...], groups: int) -> bool:
    """Whether vectors run over groups: of one channel, and no fewer groups than filters in each."""
    return shape[1] == 1 and groups >= shape[0] // groups


def _is_by_planes(shape: tuple[int, ...], window: Window, groups: int, *images: np.ndarray) -> bool:
    """Whether images lie as planes, each of which has a window of its own."""
    planes = all(image.flags.c_contiguous for image in images)
    return planes and shape[1] == 1 and groups > 1 and window.stride == (1, 1)


def _strides(
    w: np.ndarray, groups: int, adjoint: bool = False
) -> tuple[Strides, tuple[int, int, int]]:
    """The strides of packed weights, and their shape."""
    filters, channels, taps = _by_tap(w).shape
    each = filters // groups
    if _is_depthwise(w.shape, groups):
        return Strides(1, taps * groups, 0, groups), (each, taps, groups)
    if adjoint:
        strides = Strides(each * channels, channels, 1, filters * channels)
        return strides, (taps, filters, channels)
    strides = Strides(channels * each, 1, each, groups * channels * each)
    return strides, (taps, groups * channels, each)


def _packed(w: np.ndarray, groups: int, strides: Strides) -> np.ndarray:
    """Weights packed with these strides."""
    packed = np.empty(w.size, w.dtype)
    _pack(_by_tap(w), groups, strides, packed, width=threads_for(w.size))
    return packed


def _by_tap(w: np.ndarray) -> np.ndarray:
    return w.reshape(*w.shape[:2], w.shape[2] * w.shape[3])
