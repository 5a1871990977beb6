"""Max pooling; taps outside the image are left out."""

from __future__ import annotations

import math
from typing import Any

from nnaccel_kernels.reference.namespace import namespace
from nnaccel_kernels.reference.taps import taps
from nnaccel_kernels.window import Window

__all__ = ["max_pool2d", "max_pool2d_backward"]


def max_pool2d(x: Any, window: Window, y: Any) -> None:
    """y = largest pixel under the window; a NaN there gives NaN."""
    xp = namespace(x)
    y[...] = -math.inf
    for _, _, at, pixels in taps(window, x.shape, y.shape):
        y[at] = xp.maximum(y[at], x[pixels])


def max_pool2d_backward(dy: Any, x: Any, y: Any, window: Window, dx: Any) -> None:
    """Send each dy to the first tap, in scan order, that holds the maximum or a NaN."""
    xp = namespace(x)
    joined = [(at, pixels) for _, _, at, pixels in taps(window, x.shape, y.shape)]
    first = xp.zeros_like(y, dtype=xp.int32)  # numbers from 1 on; 0 where no tap lies on the image
    for number, (at, pixels) in reversed(list(enumerate(joined, 1))):
        tap = x[pixels]
        first[at] = xp.where((tap == y[at]) | (tap != tap), number, first[at])
    dx[...] = 0
    for number, (at, pixels) in enumerate(joined, 1):
        dx[pixels] += xp.where(first[at] == number, dy[at], 0)
