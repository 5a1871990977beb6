"""Convolution whose filters see one channel each: every channel of the image has a few of its own.

There is no sum over channels to tile, so each element is computed on its own.
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
    c = k // (w.shape[0] // x.shape[1])
    total = x.dtype.type(0)
    for r in range(window.kernel_size[0]):
        h = row(i, r, window)
        for s in range(window.kernel_size[1]):
            v = column(j, s, window)
            if is_on(h, v, x):
                total += w[k, 0, r, s] * x[n, c, h, v]
    return total


@cache
def _forward(name: str, dtype: np.dtype[Any], biased: bool) -> Fill:
    f = activation_of(name, dtype)

    @Fill
    def depthwise_biased(n, k, i, j, args):  # type: ignore[no-untyped-def]
        x, w, b, alpha, window = args
        return f(_correlate(n, k, i, j, x, w, window) + b[k], alpha)

    @Fill
    def depthwise(n, k, i, j, args):  # type: ignore[no-untyped-def]
        x, w, _, alpha, window = args
        return f(_correlate(n, k, i, j, x, w, window), alpha)

    return depthwise_biased if biased else depthwise


@Fill
def _depthwise_input_gradient(n, c, h, v, args):  # type: ignore[no-untyped-def]
    dy, w, filters, window = args  # `filters` for each channel
    top, bottom = rows_over(h, dy.shape[2], window)
    left, right = columns_over(v, dy.shape[3], window)
    total = dy.dtype.type(0)
    for i in range(top, bottom):
        r = row_tap(i, h, window)
        if r >= 0:
            for j in range(left, right):
                s = column_tap(j, v, window)
                if s >= 0:
                    for k in range(c * filters, (c + 1) * filters):
                        total += w[k, 0, r, s] * dy[n, k, i, j]
    return total


@Sum
def _depthwise_weight_gradient(k, tap, n, i, j, dy, args):  # type: ignore[no-untyped-def]
    x, filters, window = args
    r = tap // window.kernel_size[1]
    h, v = row(i, r, window), column(j, tap - r * window.kernel_size[1], window)
    if is_on(h, v, x):
        return dy[n, k, i, j] * x[n, k // filters, h, v]
    return dy.dtype.type(0)


def forward(x: Any, w: Any, b: Any, window: Window, activation: str, alpha: float, y: Any) -> None:
    """y = f(conv(x, w) + b), with as many groups as channels."""
    fill = _forward(activation, y.dtype, b is not None)
    fill(y, x, w, w if b is None else b, scalar(alpha, y), window)


def input_gradient(dy: Any, w: Any, window: Window, dx: Any) -> None:
    """dx, from the positions that each pixel was seen from."""
    _depthwise_input_gradient(dx, dy, w, w.shape[0] // dx.shape[1], window)


def weight_gradient(dy: Any, x: Any, window: Window, dw: Any) -> None:
    """dw, a block of threads for each tap of each filter."""
    _depthwise_weight_gradient(
        dw.reshape(dw.shape[0], -1), dy, x, dw.shape[0] // x.shape[1], window
    )
