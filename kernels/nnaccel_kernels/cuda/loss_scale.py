"""Loss scaling: gradients of 16 bits are kept from vanishing by a factor found along the way.

`scale` holds the factor and how many steps it has lasted. P. Micikevicius et al., "Mixed precision
training", ICLR 2018.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from nnaccel_kernels.cuda.skeletons.elementwise import Each
from nnaccel_kernels.cuda.skeletons.reduction import Total

__all__ = ["adjust_scale", "scale_gradient", "unscale_gradients"]


@Each
def _scale_gradient(i, args):  # type: ignore[no-untyped-def]
    dy, scale = args
    dy[i] *= dy.dtype.type(scale[0])


@Total
def _unscale_gradients(i, args):  # type: ignore[no-untyped-def]
    g, scale = args
    value = g[i] * g.dtype.type(1.0 / scale[0])
    g[i] = value
    return 0.0 if math.isfinite(value) else 1.0


@Each
def _adjust_scale(i, args):  # type: ignore[no-untyped-def]
    scale, overflows, patience, least, most, rate, cursor = args
    factor, lasted = scale[0], scale[1] + 1.0
    if overflows[0] > 0:
        factor, lasted = factor / 2.0 if factor / 2.0 > least else least, 0.0
        rate[cursor[0]] = math.nan
    elif lasted >= patience:
        factor, lasted = factor * 2.0 if factor * 2.0 < most else most, 0.0
    scale[0], scale[1] = factor, lasted


def scale_gradient(dy: Any, scale: Any) -> None:
    """dy *= the factor, in place."""
    _scale_gradient(dy.size, dy.reshape(-1), scale)


def unscale_gradients(g: Any, scale: Any, overflows: Any) -> None:
    """g /= the factor, in place; overflows[0] = how many are NaN or infinite."""
    overflows.fill(0)
    _unscale_gradients(g.size, overflows, g, scale)


def adjust_scale(
    scale: Any, overflows: Any, patience: int, limits: tuple[float, float], rate: Any, cursor: Any
) -> None:
    """Halve the factor and make this batch's rate NaN if any overflowed; double it now and then.

    It is doubled after `patience` steps without, and stays within the limits.
    """
    _adjust_scale(1, scale, overflows, patience, *map(np.float64, limits), rate, cursor)
