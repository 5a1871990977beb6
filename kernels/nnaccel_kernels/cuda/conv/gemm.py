"""Convolution by products of matrices whose patches never exist in memory: implicit GEMM."""

from __future__ import annotations

import math

from nnaccel_kernels.cuda.conv.forward import forward
from nnaccel_kernels.cuda.conv.input_gradient import input_gradient
from nnaccel_kernels.cuda.conv.weight_gradient import parts_of, weight_gradient
from nnaccel_kernels.half import wide_bytes
from nnaccel_kernels.window import Window

__all__ = ["forward", "input_gradient", "weight_gradient", "workspace"]


def workspace(
    direction: str,
    x_shape: tuple[int, ...],
    w_shape: tuple[int, ...],
    window: Window,
    itemsize: int,
) -> int:
    """Bytes of the parts in which a gradient of the filters is added up."""
    if direction != "weight_gradient":
        return 0
    parts = parts_of(x_shape[0] * math.prod(window.output_size(*x_shape[2:])))
    return parts * math.prod(w_shape) * wide_bytes(itemsize) if parts > 1 else 0
