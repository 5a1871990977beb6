"""Convolution by its definition: a thread adds up each element on its own.

Where filters see one channel each there is no sum over channels to tile, and nothing is faster.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np

from nnaccel_kernels._window import Window
from nnaccel_kernels.cuda._activation import activation as activation_of
from nnaccel_kernels.cuda._channels import Sum
from nnaccel_kernels.cuda._device import (
    column,
    column_tap,
    columns_over,
    device,
    is_on,
    row,
    row_tap,
    rows_over,
)
from nnaccel_kernels.cuda._fill import Fill
from nnaccel_kernels.cuda._launch import scalar


@device
def _correlate(n, k, i, j, x, w, window):  # type: ignore[no-untyped-def]
    """One element of the output, before bias and activation."""
    channels = w.shape[1]
    first = k // (w.shape[0] * channels // x.shape[1]) * channels
    total = x.dtype.type(0)
    for r in range(window.kernel_size[0]):
        h = row(i, r, window)
        for s in range(window.kernel_size[1]):
            v = column(j, s, window)
            if is_on(h, v, x):
                for c in range(channels):
                    total += w[k, c, r, s] * x[n, first + c, h, v]
    return total


@cache
def _forward(name: str, dtype: np.dtype[Any], biased: bool) -> Fill:
    f = activation_of(name, dtype)

    @Fill
    def direct_biased(n, k, i, j, args):  # type: ignore[no-untyped-def]
        x, w, b, alpha, window = args
        return f(_correlate(n, k, i, j, x, w, window) + b[k], alpha)

    @Fill
    def direct(n, k, i, j, args):  # type: ignore[no-untyped-def]
        x, w, _, alpha, window = args
        return f(_correlate(n, k, i, j, x, w, window), alpha)

    return direct_biased if biased else direct


@Fill
def _direct_input_gradient(n, c, h, v, args):  # type: ignore[no-untyped-def]
    dy, w, filters, window = args  # `filters` for each group
    channels = w.shape[1]
    group = c // channels
    q = c - group * channels
    top, bottom = rows_over(h, dy.shape[2], window)
    left, right = columns_over(v, dy.shape[3], window)
    total = dy.dtype.type(0)
    for i in range(top, bottom):
        r = row_tap(i, h, window)
        if r >= 0:
            for j in range(left, right):
                s = column_tap(j, v, window)
                if s >= 0:
                    for k in range(group * filters, (group + 1) * filters):
                        total += w[k, q, r, s] * dy[n, k, i, j]
    return total


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
    fill = _forward(activation, y.dtype, b is not None)
    fill(y, x, w, w if b is None else b, scalar(alpha, y), window)


def input_gradient(dy: Any, w: Any, window: Window, groups: int, dx: Any) -> None:
    """dx, from the positions that each pixel was seen from."""
    _direct_input_gradient(dx, dy, w, w.shape[0] // groups, window)


def weight_gradient(dy: Any, x: Any, window: Window, groups: int, dw: Any) -> None:
    """dw, a block of threads for each tap of each filter."""
    filters, channels = dw.shape[:2]
    _direct_weight_gradient(dw.reshape(filters, -1), dy, x, channels, filters // groups, window)
