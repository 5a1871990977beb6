"""Direct convolution: the sums of the definition, with no matrices made of anything.

Where each group has one channel, vectors run over the groups, and weights are packed as
(filters of a group, R * S, groups). Else vectors run over the channels of one group that results
have, and weights are packed as (R * S, channels summed over, channels of a result).
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from nnaccel_kernels.cpu.channels import repeated, run_length
from nnaccel_kernels.cpu.conv.direct_sums import sum_depthwise, sum_grouped
from nnaccel_kernels.cpu.conv.direct_weights import clear, weigh_depthwise, weigh_grouped
from nnaccel_kernels.cpu.conv.reduction import add_up, parts_for
from nnaccel_kernels.cpu.conv.shape import Problem
from nnaccel_kernels.cpu.matmul.epilogue import Ending, ending
from nnaccel_kernels.cpu.runtime.kernel import kernel
from nnaccel_kernels.cpu.runtime.sharing import share, threads_for
from nnaccel_kernels.cpu.windows.parts import ROOM, image_parts
from nnaccel_kernels.cpu.windows.sliding import tables, tap_tables
from nnaccel_kernels.window import Window


class Order(NamedTuple):
    """How far apart packed weights of neighbouring groups, filters, channels and taps are."""

    group: int
    filter: int
    channel: int
    tap: int


@kernel
def _pack(rank, size, w, groups, order, packed):  # type: ignore[no-untyped-def]
    """Put w (K, C / groups, R * S) into that order."""
    filters, channels, taps = w.shape
    each = filters // groups
    lo, hi = share(filters, rank, size)
    for k in range(lo, hi):
        for c in range(channels):
            at = k // each * order.group + k % each * order.filter + c * order.channel
            for tap in range(taps):
                packed[at + tap * order.tap] = w[k, c, tap]


@kernel
def _unpack(rank, size, packed, groups, order, w):  # type: ignore[no-untyped-def]
    filters, channels, taps = w.shape
    each = filters // groups
    lo, hi = share(filters, rank, size)
    for k in range(lo, hi):
        for c in range(channels):
            at = k // each * order.group + k % each * order.filter + c * order.channel
            for tap in range(taps):
                w[k, c, tap] = packed[at + tap * order.tap]


def forward(
    x: np.ndarray, w: np.ndarray, end: Ending, window: Window, groups: int, y: np.ndarray
) -> None:
    """y = f(conv2d(x, w) + b), where `end` holds f and b."""
    b, code, alpha = end
    end = (repeated(b, run_length(b.size)) if b.size else b), code, alpha
    width = threads_for(2.0 * y.size * w[0].size)
    order, shape = _order(w, groups)
    packed = _packed(w, groups, order).reshape(shape)
    sums = sum_depthwise if _is_depthwise(w.shape, groups) else sum_grouped
    for target, image in image_parts(y, x):
        steps = tables(window, image, target)
        sums(image, packed, window.kernel_size[1], *steps, *end, target, width=width)


def input_gradient(
    dy: np.ndarray, w: np.ndarray, window: Window, groups: int, dx: np.ndarray
) -> None:
    """dx of conv2d."""
    end = ending(None, "linear", 0.0, dx.dtype)
    width = threads_for(2.0 * dy.size * w[0].size)
    order, shape = _order(w, groups, adjoint=True)
    packed = _packed(w, groups, order).reshape(shape)
    sums = sum_depthwise if _is_depthwise(w.shape, groups) else sum_grouped
    for target, gradient in image_parts(dx, dy):
        steps = tables(window, target, gradient, adjoint=True)
        sums(gradient, packed, window.kernel_size[1], *steps, *end, target, width=width)


def weight_gradient(
    dy: np.ndarray, x: np.ndarray, window: Window, groups: int, dw: np.ndarray
) -> None:
    """dw of conv2d."""
    order, shape = _order(dw, groups)
    parts = parts_for(dy.shape[0] * dy.shape[2], dw.nbytes)
    sums, total = np.empty((parts, *shape), dw.dtype), np.empty(dw.size, dw.dtype)
    weigh = weigh_depthwise if _is_depthwise(dw.shape, groups) else weigh_grouped
    width = threads_for(2.0 * dy.size * dw[0].size)
    clear(sums.reshape(parts, -1), width=threads_for(sums.size))
    steps = tap_tables(window, x.shape[2:], dy.shape[2:])
    for gradient, image in image_parts(None, dy, x):
        weigh(gradient, image, *steps, *window.stride, sums, width=width)
    add_up(sums.reshape(parts, -1), total)
    _unpack(total, groups, order, _by_tap(dw), width=threads_for(dw.size))


def workspace(problem: Problem, threads: int) -> int:
    """Elements needed besides arguments and results, where images are not channels-last."""
    xs, ys = problem.xs, problem.ys
    image = xs.channels * xs.height * xs.width + ys.channels * ys.height * ys.width
    weights = math.prod(problem.w_shape)
    if problem.direction == "weight_gradient":
        weights *= 1 + parts_for(xs.batch * ys.height, weights * problem.itemsize)
    return weights + max(image, min(xs.batch * image, ROOM // problem.itemsize))


def _is_depthwise(shape: tuple[int, ...], groups: int) -> bool:
    """Whether vectors run over groups: those have one channel, and are not fewer than filters."""
    return shape[1] == 1 and groups >= shape[0] // groups


def _order(w: np.ndarray, groups: int, adjoint: bool = False) -> tuple[Order, tuple[int, int, int]]:
    """The order in which weights are packed, and the shape they then have."""
    filters, channels, taps = _by_tap(w).shape
    each = filters // groups
    if _is_depthwise(w.shape, groups):
        return Order(1, taps * groups, 0, groups), (each, taps, groups)
    if adjoint:
        order = Order(each * channels, channels, 1, filters * channels)
        return order, (taps, filters, channels)
    order = Order(channels * each, 1, each, groups * channels * each)
    return order, (taps, groups * channels, each)


def _packed(w: np.ndarray, groups: int, order: Order) -> np.ndarray:
    """The weights in that order."""
    packed = np.empty(w.size, w.dtype)
    _pack(_by_tap(w), groups, order, packed, width=threads_for(w.size))
    return packed


def _by_tap(w: np.ndarray) -> np.ndarray:
    return w.reshape(*w.shape[:2], w.shape[2] * w.shape[3])
