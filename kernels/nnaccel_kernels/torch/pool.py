"""Pooling by PyTorch; its gradients, which differ in ties and at NaN, are the plain ones."""

from __future__ import annotations

import math
from typing import Any

from torch.nn.functional import avg_pool2d as torch_avg_pool2d
from torch.nn.functional import max_pool2d as torch_max_pool2d

from nnaccel_kernels import reference
from nnaccel_kernels.reference.avg_pool2d import divisor
from nnaccel_kernels.torch.pad import padded, sides
from nnaccel_kernels.window import Window

__all__ = ["avg_pool2d", "max_pool2d"]


def max_pool2d(x: Any, window: Window, y: Any) -> None:
    """y = largest pixel under the window; a NaN there gives NaN."""
    if 0 in y.shape:
        return
    image = padded(x, sides(window, x.shape, y.shape), -math.inf)
    y[...] = torch_max_pool2d(image, window.kernel_size, window.stride, 0, window.dilation)


def avg_pool2d(x: Any, window: Window, count_include_pad: bool, y: Any) -> None:
    """y = sum of the pixels under the window, divided by how many taps count."""
    if window.dilation != (1, 1) or 0 in y.shape:
        reference.kernels.avg_pool2d(x, window, count_include_pad, y)
        return
    image, size = padded(x, sides(window, x.shape, y.shape)), window.kernel_size
    y[...] = torch_avg_pool2d(image, size, window.stride, divisor_override=1)
    y /= divisor(window, count_include_pad, x, y)
