"""Dynamic loss scaling, which keeps 16-bit gradients from underflowing to zero.

`scale` holds the factor and the number of steps since it changed. P. Micikevicius et al., "Mixed
precision training", ICLR 2018.
"""

from __future__ import annotations

import math
from functools import partial
from typing import Any

import numpy as np

from nnaccel_kernels.cuda.skeletons.elementwise import ElementwiseKernel
from nnaccel_kernels.cuda.skeletons.indexed import IndexedKernel
from nnaccel_kernels.cuda.skeletons.reduction import ReductionKernel

__all__ = ["adjust_scale", "scale_gradient", "unscale_gradients"]


def _factor(count, outputs, numbers):  # type: ignore[no-untyped-def]
    return count, (outputs[0].dtype.type(numbers[0][0]),)


@partial(ElementwiseKernel, once=_factor)
def _scale_gradient(dy, factor):  # type: ignore[no-untyped-def]
    return dy * factor


@ReductionKernel
def _unscale_gradients(i, args):  # type: ignore[no-untyped-def]
    g, scale = args
    value = g[i] * g.dtype.type(1.0 / scale[0])
    g[i] = value
    return 0.0 if math.isfinite(value) else 1.0


@IndexedKernel
def _adjust_scale(i, args):  # type: ignore[no-untyped-def]
    scale, overflows, patience, smallest, largest, rate, cursor = args
    factor, steps = scale[0], scale[1] + 1.0
    if overflows[0] > 0:
        factor, steps = factor / 2.0 if factor / 2.0 > smallest else smallest, 0.0
        rate[cursor[0]] = math.nan
    elif steps >= patience:
        factor, steps = factor * 2.0 if factor * 2.0 < largest else largest, 0.0
    scale[0], scale[1] = factor, steps


def scale_gradient(dy: Any, scale: Any) -> None:
    """dy *= the factor, in place."""
    _scale_gradient((dy.reshape(-1),), (dy.reshape(-1),), scale)


def unscale_gradients(g: Any, scale: Any, overflows: Any) -> None:
    """g /= the factor, in place; overflows[0] = number of NaN or infinite elements."""
    overflows.fill(0)
    _unscale_gradients(g.size, overflows, g, scale)


def adjust_scale(
    scale: Any, overflows: Any, patience: int, limits: tuple[float, float], rate: Any, cursor: Any
) -> None:
    """After an overflow halve the factor and set this batch's rate to NaN, which skips the update.

    After `patience` steps without an overflow double it. It stays within the limits.
    """
    _adjust_scale(1, scale, overflows, patience, *map(np.float64, limits), rate, cursor)
