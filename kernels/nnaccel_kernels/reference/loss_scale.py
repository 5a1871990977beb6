"""Dynamic loss scaling, which keeps 16-bit gradients from vanishing.

`scale` holds the factor and the number of steps that it has lasted. P. Micikevicius et al., "Mixed
precision training", ICLR 2018.
"""

from __future__ import annotations

import math
from typing import Any

from nnaccel_kernels.reference.namespace import namespace

__all__ = ["adjust_scale", "scale_gradient", "unscale_gradients"]


def scale_gradient(dy: Any, scale: Any) -> None:
    """dy *= the factor, in place."""
    dy *= float(scale[0])


def unscale_gradients(g: Any, scale: Any, overflows: Any) -> None:
    """g /= the factor, in place; overflows[0] = number of NaN and infinite elements."""
    xp = namespace(g)
    g *= 1 / float(scale[0])
    overflows[...] = xp.sum(xp.astype(~xp.isfinite(g), overflows.dtype))


def adjust_scale(
    scale: Any, overflows: Any, patience: int, limits: tuple[float, float], rate: Any, cursor: Any
) -> None:
    """Halve the factor after an overflow, and make this batch's rate NaN: no update.

    It is doubled after `patience` steps without, and stays within the limits.
    """
    factor, steps = float(scale[0]), float(scale[1])
    if float(overflows[0]):
        scale[0], scale[1] = max(factor / 2, limits[0]), 0
        rate[int(cursor[0])] = math.nan
    elif steps + 1 < patience:
        scale[1] = steps + 1
    else:
        scale[0], scale[1] = min(factor * 2, limits[1]), 0
