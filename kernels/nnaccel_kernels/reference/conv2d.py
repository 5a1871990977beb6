"""Convolution of images (N, C, H, W) with filters (K, C/groups, R, S), and its gradients."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from nnaccel_kernels.reference.activation import activate
from nnaccel_kernels.reference.im2col import fold, unfold
from nnaccel_kernels.reference.naive import (
    naive_conv2d,
    naive_conv2d_input_gradient,
    naive_conv2d_weight_gradient,
)
from nnaccel_kernels.window import ConvolutionPlan, Window

__all__ = [
    "bias_activate",
    "conv2d",
    "conv2d_input_gradient",
    "conv2d_plan",
    "conv2d_weight_gradient",
    "sum_channels",
]

_WHY = {
    "im2col": "a matrix product over the columns of one image at a time",
    "direct": "the loops of the definition, in Python",
}


def conv2d_plan(
    direction: str,
    x_shape: tuple[int, ...],
    w_shape: tuple[int, ...],
    window: Window,
    groups: int,
    itemsize: int,
    algorithm: str,
    budget_bytes: int,
    measure: bool = False,
) -> ConvolutionPlan:
    """How a convolution or a gradient of it would be computed; ValueError if it cannot be so."""
    name = _resolve(algorithm)
    n, c, height, width = x_shape
    if name == "im2col":
        items = c * math.prod(window.kernel_size) * math.prod(window.output_size(height, width))
    else:
        top, bottom, left, right = window.padding
        items = n * c * (height + top + bottom) * (width + left + right)
    return ConvolutionPlan(name, items * itemsize, _WHY[name])


def conv2d(
    x: Any,
    w: Any,
    b: Any,
    window: Window,
    groups: int,
    activation: str,
    alpha: float,
    algorithm: str,
    y: Any,
) -> None:
    """y = f(conv(x, w) + b) for the elementwise activation f; b may be None."""
    if _resolve(algorithm) == "direct":
        naive_conv2d(x, w, None, window, groups, y)
    else:
        filters = w.reshape(groups, len(w) // groups, -1)
        cols = _columns(x, window, y)
        for i in range(len(x)):
            unfold(x[i : i + 1], window, cols)
            y[i] = (filters @ _grouped(cols, groups, y)).reshape(y.shape[1:])
    bias_activate(y, b, activation, alpha)


def conv2d_input_gradient(
    dy: Any, w: Any, window: Window, groups: int, algorithm: str, dx: Any
) -> None:
    """dx = gradient of sum(dy * conv(x, w)) in x; also the transposed convolution of dy."""
    if _resolve(algorithm) == "direct":
        naive_conv2d_input_gradient(dy, w, window, groups, dx)
        return
    filters = w.reshape(groups, len(w) // groups, -1).transpose(0, 2, 1)
    shape = 1, dx.shape[1], *window.kernel_size, *dy.shape[2:]
    for i in range(len(dx)):
        cols = filters @ _grouped(dy[i], groups, dy)
        fold(cols.reshape(shape), window, dx[i : i + 1])


def conv2d_weight_gradient(
    dy: Any, x: Any, window: Window, groups: int, algorithm: str, dw: Any
) -> None:
    """dw = gradient of sum(dy * conv(x, w)) in w."""
    if _resolve(algorithm) == "direct":
        naive_conv2d_weight_gradient(dy, x, window, groups, dw)
        return
    dw[...] = 0
    cols = _columns(x, window, dy)
    for i in range(len(x)):
        unfold(x[i : i + 1], window, cols)
        by_position = _grouped(cols, groups, dy).transpose(0, 2, 1)
        dw += (_grouped(dy[i], groups, dy) @ by_position).reshape(dw.shape)


def sum_channels(dy: Any, db: Any) -> None:
    """db[k] = sum of dy over N, H and W: the gradient of a convolution in its bias."""
    db[...] = dy.sum(axis=(0, 2, 3), dtype="float64")


def bias_activate(y: Any, b: Any, activation: str, alpha: float) -> None:
    """y = f(y + b) in place, b per channel or None, for the elementwise activation f."""
    if b is not None:
        y += b[:, None, None]
    if activation != "linear":
        activate(activation, alpha, y, y)


def _resolve(algorithm: str) -> str:
    name = "im2col" if algorithm == "auto" else algorithm
    if name not in _WHY:
        raise ValueError(
            f"the NumPy backend has no convolution {algorithm!r}: "
            "use 'im2col', 'direct' or 'auto', or the numba backend"
        )
    return name


def _columns(x: Any, window: Window, y: Any) -> Any:
    """Room for the columns of one image."""
    shape = 1, x.shape[1], *window.kernel_size, *y.shape[2:]
    return np.empty(shape, x.dtype)


def _grouped(a: Any, groups: int, y: Any) -> Any:
    """`a` as one matrix per group, with a column for each position of y."""
    return a.reshape(groups, -1, math.prod(y.shape[2:]))
