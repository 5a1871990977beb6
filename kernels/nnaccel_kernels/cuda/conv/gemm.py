"""Convolution by implicit GEMM: filters (K, C*R*S) times patches (C*R*S, N*OH*OW), by group.

The patches are never stored. The gradients are in `gemm_input.py` and `gemm_weights.py`.
"""

from __future__ import annotations

import math
from functools import cache
from typing import Any

import numpy as np

from nnaccel_kernels.cuda.conv.gemm_input import input_gradient
from nnaccel_kernels.cuda.conv.gemm_weights import part_count, weight_gradient
from nnaccel_kernels.cuda.conv.patch import corner_of, matrix_index, offset_of, patch, pixel_of
from nnaccel_kernels.cuda.runtime.launch import scalar
from nnaccel_kernels.cuda.skeletons.activations import activation_function
from nnaccel_kernels.cuda.skeletons.tiled import Factor, TiledProduct
from nnaccel_kernels.half import wide_bytes
from nnaccel_kernels.window import Window

__all__ = ["forward", "input_gradient", "weight_gradient", "workspace"]

_SHORT = {"linear", "relu", "leaky_relu"}  # activations short enough for `store`


def _filter(group, line, step, w, args):  # type: ignore[no-untyped-def]
    k, q = line[0], step[0]
    return w[group, k, q] if k < w.shape[1] and q < w.shape[2] else w.dtype.type(0)


def _corner(p, args):  # type: ignore[no-untyped-def]
    return corner_of(p, args[4], args[5])


def _offset(q, args):  # type: ignore[no-untyped-def]
    return offset_of(q, args[5])


def _patch(group, corner, offset, x, args):  # type: ignore[no-untyped-def]
    return patch(group, corner, offset, x, args[3])


def _place(p, args):  # type: ignore[no-untyped-def]
    size = args[4]
    return pixel_of(p, size[0], size[1])


@cache
def _product(name: str, dtype: np.dtype[Any], has_bias: bool) -> TiledProduct:
    f = activation_function(name, dtype)
    in_store = activation_function(name if name in _SHORT else "linear", dtype)

    def store_biased(part, group, m, at, total, y, args):  # type: ignore[no-untyped-def]
        b, alpha, filters = args[0], args[1], args[2]
        n, i, j = at
        if n < y.shape[0] and m < filters:
            k = group * filters + m
            y[n, k, i, j] = in_store(total + b[k], alpha)

    def store(part, group, m, at, total, y, args):  # type: ignore[no-untyped-def]
        alpha, filters = args[1], args[2]
        n, i, j = at
        if n < y.shape[0] and m < filters:
            y[n, group * filters + m, i, j] = in_store(total, alpha)

    def epilogue(part, group, m, at, y, args):  # type: ignore[no-untyped-def]
        alpha, filters = args[1], args[2]
        n, i, j = at
        if n < y.shape[0] and m < filters:
            k = group * filters + m
            y[n, k, i, j] = f(y[n, k, i, j], alpha)

    return TiledProduct(
        f"conv2d_{name}",
        Factor(matrix_index, matrix_index, _filter, by_depth=True),
        Factor(_corner, _offset, _patch, by_depth=False),
        _place,
        store_biased if has_bias else store,
        None if name in _SHORT else epilogue,
    )


def workspace(
    direction: str,
    x_shape: tuple[int, ...],
    w_shape: tuple[int, ...],
    window: Window,
    itemsize: int,
) -> int:
    """Bytes of the partial sums of a weight gradient."""
    if direction != "weight_gradient":
        return 0
    parts = part_count(x_shape[0] * math.prod(window.output_size(*x_shape[2:])))
    return parts * math.prod(w_shape) * wide_bytes(itemsize) if parts > 1 else 0


def forward(
    x: Any, w: Any, b: Any, window: Window, groups: int, activation: str, alpha: float, y: Any
) -> None:
    """y = f(conv(x, w) + b)."""
    k, c, *taps = w.shape
    n, _, *size = y.shape
    filters, depth = k // groups, c * math.prod(taps)
    product = _product(activation, y.dtype, b is not None)
    args = w if b is None else b, scalar(alpha, y), filters, c, tuple(size), window
    product(
        (filters, n * math.prod(size), depth),
        w.reshape(groups, filters, depth),
        x,
        y,
        *args,
        groups=groups,
    )
