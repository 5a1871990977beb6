"""Convolution and its gradients by PyTorch, so by oneDNN, cuDNN or what else a device has."""

from __future__ import annotations

from typing import Any

from torch.nn import grad
from torch.nn.functional import conv2d as torch_conv2d

from nnaccel_kernels.torch.activation import activate
from nnaccel_kernels.torch.half import factor
from nnaccel_kernels.torch.pad import cropped, padded, padded_shape, sides
from nnaccel_kernels.torch.plain import plain
from nnaccel_kernels.window import ConvolutionPlan, Window

__all__ = ["conv2d", "conv2d_input_gradient", "conv2d_plan", "conv2d_weight_gradient"]

_OURS = "auto", "torch"


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
    if algorithm in _OURS:
        return ConvolutionPlan("torch", 0, "PyTorch's convolution on this device")
    how = direction, x_shape, w_shape, window, groups, itemsize, algorithm, budget_bytes, measure
    plan: ConvolutionPlan = plain.conv2d_plan(*how)
    return plan


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
    if algorithm not in _OURS or 0 in y.shape:
        plain.conv2d(x, w, b, window, groups, activation, alpha, _theirs(algorithm), y)
        return
    image, w = padded(factor(x, y), sides(window, x.shape, y.shape)), factor(w, y)
    b = None if b is None else b.to(w.dtype)
    y.copy_(torch_conv2d(image, w, b, window.stride, 0, window.dilation, groups))
    if activation != "linear":
        activate(activation, alpha, y, y)


def conv2d_input_gradient(
    dy: Any, w: Any, window: Window, groups: int, algorithm: str, dx: Any
) -> None:
    """dx = gradient of sum(dy * conv(x, w)) in x; also the transposed convolution of dy."""
    if algorithm not in _OURS or 0 in dy.shape:
        plain.conv2d_input_gradient(dy, w, window, groups, _theirs(algorithm), dx)
        return
    by = sides(window, dx.shape, dy.shape)
    how = window.stride, 0, window.dilation, groups
    w, dy = factor(w, dx), factor(dy, dx)
    dx.copy_(cropped(grad.conv2d_input(padded_shape(dx.shape, by), w, dy, *how), by))


def conv2d_weight_gradient(
    dy: Any, x: Any, window: Window, groups: int, algorithm: str, dw: Any
) -> None:
    """dw = gradient of sum(dy * conv(x, w)) in w."""
    if algorithm not in _OURS or 0 in dy.shape:
        plain.conv2d_weight_gradient(dy, x, window, groups, _theirs(algorithm), dw)
        return
    how = window.stride, 0, window.dilation, groups
    image = padded(factor(x, dy), sides(window, x.shape, dy.shape))
    dw.copy_(grad.conv2d_weight(image, dw.shape, factor(dy, dy), *how))


def _theirs(algorithm: str) -> str:
    """Name of an algorithm among the plain ones."""
    return "auto" if algorithm in _OURS else algorithm
