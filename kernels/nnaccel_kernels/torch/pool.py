"""Pooling by PyTorch."""

from __future__ import annotations

import functools
import math
import operator
from typing import Any

import torch
from torch.nn.functional import avg_pool2d as torch_avg_pool2d
from torch.nn.functional import max_pool2d as torch_max_pool2d

from nnaccel_kernels.reference.avg_pool2d import divisor
from nnaccel_kernels.reference.taps import taps
from nnaccel_kernels.torch.half import in_float32
from nnaccel_kernels.torch.pad import padded, sides
from nnaccel_kernels.torch.plain import plain
from nnaccel_kernels.window import Window

__all__ = ["avg_pool2d", "avg_pool2d_backward", "max_pool2d", "max_pool2d_backward"]

_WORDS = {2: torch.int16, 4: torch.int32, 8: torch.int64}


def max_pool2d(x: Any, window: Window, y: Any) -> None:
    """y = largest pixel under the window; a NaN there gives NaN."""
    if 0 in y.shape:
        return
    image = padded(x, sides(window, x.shape, y.shape), -math.inf)
    y[...] = torch_max_pool2d(image, window.kernel_size, window.stride, 0, window.dilation)


def max_pool2d_backward(dy: Any, x: Any, y: Any, window: Window, dx: Any) -> None:
    """Send each dy to the first tap, in scan order, that holds the maximum or a NaN.

    PyTorch's own takes the last NaN, and on a GPU adds in no fixed order.
    """
    if any(map(operator.lt, window.stride, window.extent)):
        plain.max_pool2d_backward(dy, x, y, window, dx)
        return
    dx.zero_()
    waits, words = torch.ones_like(y, dtype=torch.bool), _WORDS[y.element_size()]
    dy = dy.view(words)
    for _, _, at, pixels in taps(window, x.shape, y.shape):  # a pixel is under one window at most
        tap = x[pixels]
        hits = ((tap == y[at]) | tap.isnan()) & waits[at]
        waits[at] &= ~hits
        # dy's bits and all ones or none: a third of the time of `where`.
        torch.bitwise_and(dy[at], hits.to(words).neg_(), out=dx[pixels].view(words))


@in_float32
def avg_pool2d(x: Any, window: Window, count_include_pad: bool, y: Any) -> None:
    """y = sum of the pixels under the window, divided by how many taps count."""
    if window.dilation != (1, 1) or 0 in y.shape:
        plain.avg_pool2d(x, window, count_include_pad, y)
        return
    image, size = padded(x, sides(window, x.shape, y.shape)), window.kernel_size
    total = torch_avg_pool2d(image, size, window.stride, divisor_override=1)
    torch.div(total, _divisor(window, count_include_pad, x, y), out=y)


@in_float32
def avg_pool2d_backward(dy: Any, window: Window, count_include_pad: bool, dx: Any) -> None:
    """Share each dy equally among the pixels under its window."""
    share = dy / _divisor(window, count_include_pad, dx, dy)
    dx.zero_()
    for _, _, at, pixels in taps(window, dx.shape, dy.shape):
        dx[pixels] += share[at]


def _divisor(window: Window, count_include_pad: bool, image: Any, positions: Any) -> Any:
    shapes = tuple(image.shape[2:]), tuple(positions.shape[2:])
    return _divisor_of(window, count_include_pad, *shapes, image.dtype, image.device)


@functools.cache  # for good: graphs read it, and can copy nothing to a device
def _divisor_of(
    window: Window,
    count_include_pad: bool,
    pixels: tuple[int, int],
    positions: tuple[int, int],
    dtype: Any,
    device: Any,
) -> Any:
    like = [torch.empty((0, 0, *size), dtype=dtype, device=device) for size in (pixels, positions)]
    return divisor(window, count_include_pad, *like)
