"""Convolution by its definition: a thread adds up each element on its own.

Where filters see one channel each there is no sum over channels to tile, and nothing is faster.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np

from nnaccel_kernels.cuda.channels import Sum
from nnaccel_kernels.cuda.runtime.index import column, device, is_on, row
from nnaccel_kernels.cuda.runtime.launch import scalar
from nnaccel_kernels.cuda.skeletons.activations import activation as activation_of
from nnaccel_kernels.cuda.skeletons.image import Fill
from nnaccel_kernels.cuda.skeletons.known import Kind, clamped, kind_of, known, label
from nnaccel_kernels.cuda.skeletons.spanned import spanned
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
                pixel = x[n, first + c, clamped(h, x.shape[2]), clamped(v, x.shape[3])]
                total += w[k, c, r, s] * (pixel if is_on(h, v, x) else zero)
    return total


@cache
def _forward(name: str, dtype: np.dtype[Any], biased: bool, kind: Kind) -> Fill:
    f, of = activation_of(name, dtype), known(kind)

    def direct_biased(n, k, i, j, args):  # type: ignore[no-untyped-def]
        x, w, b, alpha, window = args
        return f(_correlate(n, k, i, j, x, w, of(window)) + b[k], alpha)

    def direct(n, k, i, j, args):  # type: ignore[no-untyped-def]
        x, w, _, alpha, window = args
        return f(_correlate(n, k, i, j, x, w, of(window)), alpha)

    return Fill(label(direct_biased if biased else direct, kind))


@spanned
def _weighted(n, k, i, j, r, s, is_over, dy, window, args):  # type: ignore[no-untyped-def]
    w, q = args
    return w[k, q, r if is_over else 0, s if is_over else 0] * dy[n, k, i, j]


@cache
def _input_gradient(kind: Kind) -> Fill:
    of = known(kind)

    def direct_input_gradient(n, c, h, v, args):  # type: ignore[no-untyped-def]
        dy, w, filters, window = args  # `filters` for each group
        channels = w.shape[1]
        group = c // channels
        q = c - group * channels
        total = dy.dtype.type(0)
        for k in range(group * filters, (group + 1) * filters):
            total += _weighted(n, k, h, v, dy, of(window), (w, q))
        return total

    return Fill(label(direct_input_gradient, kind))


@Sum
def _direct_weight_gradient(k, t, n, i, j, dy, args):  # type: ignore[no-untyped-def]
    x, channels, filters, window = args  # the latter for each group
    taps = window.kernel_size[0] * window.kernel_size[1]
    q = t // taps
    tap = t - q * taps
    r = tap // window.kernel_size[1]
    h, v = row(i, r, window), column(j, tap - r * window.kernel_size[1], window)
    if is_on(h, v, x):
        return dy[n, k, i, j] * x[n, k // filters * channels + q, h, v]
    return dy.dtype.type(0)


def workspace(*_: Any) -> int:
    """None."""
    return 0


def forward(
    x: Any, w: Any, b: Any, window: Window, groups: int, activation: str, alpha: float, y: Any
) -> None:
    """y = f(conv(x, w) + b)."""
    fill = _forward(activation, y.dtype, b is not None, kind_of(window))
    fill(y, x, w, w if b is None else b, scalar(alpha, y), window)


def input_gradient(dy: Any, w: Any, window: Window, groups: int, dx: Any) -> None:
    """dx, from the positions that each pixel was seen from."""
    _input_gradient(kind_of(window))(dx, dy, w, w.shape[0] // groups, window)


def weight_gradient(dy: Any, x: Any, window: Window, groups: int, dw: Any) -> None:
    """dw, a block of threads for each tap of each filter."""
    filters, channels = dw.shape[:2]
    _direct_weight_gradient(dw.reshape(filters, -1), dy, x, channels, filters // groups, window)
