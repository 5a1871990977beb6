"""Convolution of images (N, C, H, W) with filters (K, C/groups, R, S), and its gradients."""

from __future__ import annotations

import math
from typing import Any

from nnaccel_kernels._window import Plan, Window
from nnaccel_kernels.cuda import _direct, _explicit
from nnaccel_kernels.cuda._forward import forward
from nnaccel_kernels.cuda._input_gradient import input_gradient
from nnaccel_kernels.cuda._weight_gradient import parts_of, weight_gradient

_WHY = {
    "im2col": "cuBLAS's product with columns of patches that are written out",
    "gemm": "a tiled matrix product that gathers its patches into shared memory",
    "direct": "a thread for each sum of the definition: best where filters see one channel",
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
) -> Plan:
    """How a convolution or a gradient of it would be computed; ValueError if it cannot be so."""
    name = _resolve(algorithm, w_shape)
    workspace = 0
    if name == "im2col":
        workspace = _explicit.workspace_of(x_shape, w_shape, window, itemsize)
    if direction == "weight_gradient" and name == "gemm":
        parts = parts_of(x_shape[0] * math.prod(window.output_size(*x_shape[2:])))
        workspace = parts * math.prod(w_shape) * itemsize if parts > 1 else 0
    return Plan(name, workspace, _WHY[name])


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
    name = _resolve(algorithm, w.shape)
    if name == "direct":
        _direct.forward(x, w, b, window, activation, alpha, y)
    elif name == "im2col":
        _explicit.forward(x, w, b, window, groups, activation, alpha, y)
    else:
        forward(x, w, b, window, groups, activation, alpha, y)


def conv2d_input_gradient(
    dy: Any, w: Any, window: Window, groups: int, algorithm: str, dx: Any
) -> None:
    """dx = gradient of sum(dy * conv(x, w)) in x; also the transposed convolution of dy."""
    name = _resolve(algorithm, w.shape)
    if name == "direct":
        _direct.input_gradient(dy, w, window, dx)
    elif name == "im2col":
        _explicit.input_gradient(dy, w, window, groups, dx)
    else:
        input_gradient(dy, w, window, groups, dx)


def conv2d_weight_gradient(
    dy: Any, x: Any, window: Window, groups: int, algorithm: str, dw: Any
) -> None:
    """dw = gradient of sum(dy * conv(x, w)) in w."""
    name = _resolve(algorithm, dw.shape)
    if name == "direct":
        _direct.weight_gradient(dy, x, window, dw)
    elif name == "im2col":
        _explicit.weight_gradient(dy, x, window, groups, dw)
    else:
        weight_gradient(dy, x, window, groups, dw)


def _resolve(algorithm: str, w_shape: tuple[int, ...]) -> str:
    one_channel = w_shape[1] == 1
    name = ("direct" if one_channel else "gemm") if algorithm == "auto" else algorithm
    if name not in _WHY:
        raise ValueError(
            f"the CUDA kernels have no convolution {algorithm!r}: use 'gemm', 'im2col', "
            "'direct' or 'auto'"
        )
    return name
