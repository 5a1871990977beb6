"""Convolution by implicit GEMM: filters (K, R*S*C) times patches (R*S*C, N*OH*OW), by group.

The patches are never stored.
"""

from __future__ import annotations

import math
from typing import Any

from nnaccel_kernels.cuda.conv.correlate import Axis, correlate, filter_matrix
from nnaccel_kernels.cuda.conv.filters import matrix_bytes
from nnaccel_kernels.cuda.conv.gemm_weights import part_count, weight_gradient
from nnaccel_kernels.half import wide_bytes
from nnaccel_kernels.index import phases
from nnaccel_kernels.window import Window

__all__ = ["forward", "input_gradient", "weight_gradient", "workspace"]


def workspace(
    direction: str,
    x_shape: tuple[int, ...],
    w_shape: tuple[int, ...],
    window: Window,
    itemsize: int,
) -> int:
    """Bytes of the filters in another order, or of the partial sums of a weight gradient.

    Without the copies of images that are not channels-last, which tensor cores need.
    """
    if direction != "weight_gradient":
        return matrix_bytes(w_shape, wide_bytes(itemsize))
    parts = part_count(x_shape[0] * math.prod(window.output_size(*x_shape[2:])))
    return parts * math.prod(w_shape) * wide_bytes(itemsize)


def forward(
    x: Any, w: Any, b: Any, window: Window, groups: int, activation: str, alpha: float, y: Any
) -> None:
    """y = f(conv(x, w) + b)."""
    down, across = (
        Axis(
            y.shape[2 + axis],
            window.kernel_size[axis],
            -window.padding[2 * axis],
            window.stride[axis],
            window.dilation[axis],
        )
        for axis in (0, 1)
    )
    matrix = filter_matrix(w, groups, False, x)
    correlate(x, matrix, w.shape[3], (down, across), y, b, activation, alpha)


def input_gradient(dy: Any, w: Any, window: Window, groups: int, dx: Any) -> None:
    """dx = gradient of sum(dy * conv(x, w)) in x, one sum over windows a phase of the stride."""
    down, across = (
        [
            Axis(
                phase.pixels,
                phase.taps,
                phase.position,
                1,
                -phase.drop,
                phase.tap,
                phase.tap_step,
                phase.pixel,
                phase.stride,
            )
            for phase in phases(
                dx.shape[2 + axis],
                window.kernel_size[axis],
                window.stride[axis],
                window.padding[2 * axis],
                window.dilation[axis],
            )
        ]
        for axis in (0, 1)
    )
    matrix = filter_matrix(w, groups, True, dy)
    for rows in down:
        for columns in across:
            correlate(dy, matrix, w.shape[3], (rows, columns), dx)
