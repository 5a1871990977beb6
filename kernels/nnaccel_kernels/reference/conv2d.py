"""Convolution of images (N, C, H, W) with filters (K, C/groups, R, S), and its gradients."""

from __future__ import annotations

import math
from typing import Any

from nnaccel_kernels.reference.channels import bias_activate
from nnaccel_kernels.reference.im2col import fold, unfold
from nnaccel_kernels.reference.naive import (
    naive_conv2d,
    naive_conv2d_input_gradient,
    naive_conv2d_weight_gradient,
)
from nnaccel_kernels.reference.namespace import namespace
from nnaccel_kernels.window import ConvolutionPlan, Window

__all__ = ["conv2d", "conv2d_input_gradient", "conv2d_plan", "conv2d_weight_gradient"]

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
        naive_conv2d(x, w, window, groups, y)
    else:
        xp, filters, cols = namespace(x), _by_group(w, groups), _columns(x, window, y)
        for i in range(x.shape[0]):
            unfold(x[i : i + 1, ...], window, cols)
            y[i, ...] = xp.reshape(filters @ _by_position(cols, groups, y), y.shape[1:])
    bias_activate(y, b, activation, alpha)


def conv2d_input_gradient(
    dy: Any, w: Any, window: Window, groups: int, algorithm: str, dx: Any
) -> None:
    """dx = gradient of sum(dy * conv(x, w)) in x; also the transposed convolution of dy."""
    if _resolve(algorithm) == "direct":
        naive_conv2d_input_gradient(dy, w, window, groups, dx)
        return
    filters = _by_group(w, groups).mT
    shape = 1, dx.shape[1], *window.kernel_size, *dy.shape[2:]
    for i in range(dx.shape[0]):
        cols = filters @ _by_position(dy[i, ...], groups, dy)
        fold(namespace(dy).reshape(cols, shape), window, dx[i : i + 1, ...])


def conv2d_weight_gradient(
    dy: Any, x: Any, window: Window, groups: int, algorithm: str, dw: Any
) -> None:
    """dw = gradient of sum(dy * conv(x, w)) in w."""
    if _resolve(algorithm) == "direct":
        naive_conv2d_weight_gradient(dy, x, window, groups, dw)
        return
    dw[...] = 0
    xp, cols = namespace(x), _columns(x, window, dy)
    for i in range(x.shape[0]):
        unfold(x[i : i + 1, ...], window, cols)
        by_position = _by_position(cols, groups, dy).mT
        dw += xp.reshape(_by_position(dy[i, ...], groups, dy) @ by_position, dw.shape)


def _resolve(algorithm: str) -> str:
    name = "im2col" if algorithm == "auto" else algorithm
    if name not in _WHY:
        raise ValueError(
            f"the NumPy backend has no convolution {algorithm!r}: "
            "use 'im2col', 'direct' or 'auto', or the numba backend"
        )
    return name


def _columns(x: Any, window: Window, y: Any) -> Any:
    """Workspace for the columns of one image: (1, C, R, S, OH, OW)."""
    shape = 1, x.shape[1], *window.kernel_size, *y.shape[2:]
    return namespace(x).empty(shape, dtype=x.dtype, device=x.device)


def _by_group(w: Any, groups: int) -> Any:
    """Filters as one matrix per group, with a row for each filter."""
    return namespace(w).reshape(w, (groups, w.shape[0] // groups, -1))


def _by_position(a: Any, groups: int, y: Any) -> Any:
    """`a` as one matrix per group, with a column for each position of y."""
    return namespace(a).reshape(a, (groups, -1, math.prod(y.shape[2:])))
