"""Convolution by its definition, one thread for each element.

Depthwise filters have no sum over channels to tile, and there this is the fastest.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np

from nnaccel_kernels.cuda.runtime.index import clamp, column, device, is_inside, row
from nnaccel_kernels.cuda.runtime.launch import scalar
from nnaccel_kernels.cuda.skeletons.activations import activation_function
from nnaccel_kernels.cuda.skeletons.channel_reduction import ChannelReduction
from nnaccel_kernels.cuda.skeletons.fixed_window import (
    FixedSize,
    fixed_size,
    fixed_window,
    named_by_size,
)
from nnaccel_kernels.cuda.skeletons.image import PixelKernel
from nnaccel_kernels.cuda.skeletons.overlapping_windows import sum_over_windows
from nnaccel_kernels.window import Window


@device
def _correlate(n, k, i, j, x, w, window):  # type: ignore[no-untyped-def]
    """One element of the output, before bias and activation."""
    channels = w.shape[1]
    first = k // (w.shape[0] * channels // x.shape[1]) * channels
    zero = total = x.dtype.type(0)
    for c in range(channels):
        for r in range(window.kernel_size[0]):
            h = row(i, r, window)
            for s in range(window.kernel_size[1]):
                v = column(j, s, window)
                pixel = x[n, first + c, clamp(h, x.shape[2]), clamp(v, x.shape[3])]
                total += w[k, c, r, s] * (pixel if is_inside(h, v, x) else zero)
    return total


@cache
def _forward(name: str, dtype: np.dtype[Any], has_bias: bool, size: FixedSize) -> PixelKernel:
    f, fixed = activation_function(name, dtype), fixed_window(size)

    def direct_biased(n, k, i, j, args):  # type: ignore[no-untyped-def]
        x, w, b, alpha, window = args
        return f(_correlate(n, k, i, j, x, w, fixed(window)) + b[k], alpha)

    def direct(n, k, i, j, args):  # type: ignore[no-untyped-def]
        x, w, _, alpha, window = args
        return f(_correlate(n, k, i, j, x, w, fixed(window)), alpha)

    return PixelKernel(named_by_size(direct_biased if has_bias else direct, size))


@sum_over_windows
def _weighted(n, k, i, j, r, s, covers, dy, window, args):  # type: ignore[no-untyped-def]
    w, q = args
    return w[k, q, r if covers else 0, s if covers else 0] * dy[n, k, i, j]


@cache
def _input_gradient(size: FixedSize) -> PixelKernel:
    fixed = fixed_window(size)

    def direct_input_gradient(n, c, h, v, args):  # type: ignore[no-untyped-def]
        dy, w, filters, window = args  # filters of a group
        channels = w.shape[1]
        group = c // channels
        q = c - group * channels
        total = dy.dtype.type(0)
        for k in range(group * filters, (group + 1) * filters):
            total += _weighted(n, k, h, v, dy, fixed(window), (w, q))
        return total

    return PixelKernel(named_by_size(direct_input_gradient, size))


@ChannelReduction
def _direct_weight_gradient(k, t, n, i, j, dy, args):  # type: ignore[no-untyped-def]
    x, channels, filters, window = args  # channels and filters of a group
    taps = window.kernel_size[0] * window.kernel_size[1]
    q = t // taps
    tap = t - q * taps
    r = tap // window.kernel_size[1]
    h, v = row(i, r, window), column(j, tap - r * window.kernel_size[1], window)
    if is_inside(h, v, x):
        return dy[n, k, i, j] * x[n, k // filters * channels + q, h, v]
    return dy.dtype.type(0)


def workspace(*_: Any) -> int:
    """Bytes of workspace: none."""
    return 0


def forward(
    x: Any, w: Any, b: Any, window: Window, groups: int, activation: str, alpha: float, y: Any
) -> None:
    """y = f(conv(x, w) + b)."""
    kernel = _forward(activation, y.dtype, b is not None, fixed_size(window))
    kernel(y, x, w, w if b is None else b, scalar(alpha, y), window)


def input_gradient(dy: Any, w: Any, window: Window, groups: int, dx: Any) -> None:
    """dx = gradient of sum(dy * conv(x, w)) in x."""
    _input_gradient(fixed_size(window))(dx, dy, w, w.shape[0] // groups, window)


def weight_gradient(dy: Any, x: Any, window: Window, groups: int, dw: Any) -> None:
    """dw = gradient of sum(dy * conv(x, w)) in w, one block of threads for each weight."""
    filters, channels = dw.shape[:2]
    _direct_weight_gradient(dw.reshape(filters, -1), dy, x, channels, filters // groups, window)
