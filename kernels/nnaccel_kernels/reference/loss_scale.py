"""Loss scaling: gradients of 16 bits are kept from vanishing by a factor found along the way.

`scale` holds the factor and how many steps it has lasted. P. Micikevicius et al., "Mixed precision
training", ICLR 2018.
"""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["adjust_scale", "scale_gradient", "unscale_gradients"]


def scale_gradient(dy: Any, scale: Any) -> None:
    """dy *= the factor, in place."""
    dy *= dy.dtype.type(scale[0])


def unscale_gradients(g: Any, scale: Any, overflows: Any) -> None:
    """g /= the factor, in place; overflows[0] = how many are NaN or infinite."""
    g *= g.dtype.type(1 / scale[0])
    overflows[0] = (~np.isfinite(g)).sum()


def adjust_scale(
    scale: Any, overflows: Any, patience: int, limits: tuple[float, float], rate: Any, cursor: Any
) -> None:
    """Halve the factor and make this batch's rate NaN if any overflowed; double it now and then.

    It is doubled after `patience` steps without, and stays within the limits.
    """
    if overflows[0]:
        scale[:] = max(scale[0] / 2, limits[0]), 0
        rate[int(cursor[0])] = np.nan
    elif scale[1] + 1 < patience:
        scale[1] += 1
    else:
        scale[:] = min(scale[0] * 2, limits[1]), 0
