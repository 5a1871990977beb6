"""Dynamic loss scaling, without reading a device."""

from __future__ import annotations

import math
from typing import Any

import torch

__all__ = ["adjust_scale", "scale_gradient", "unscale_gradients"]


def scale_gradient(dy: Any, scale: Any) -> None:
    """dy *= the factor, in place."""
    dy.mul_(scale[0])


def unscale_gradients(g: Any, scale: Any, overflows: Any) -> None:
    """g /= the factor, in place; overflows[0] = number of NaN and infinite elements."""
    g.mul_(1 / scale[0])
    overflows.copy_(g.numel() - g.isfinite().sum())


def adjust_scale(
    scale: Any, overflows: Any, patience: int, limits: tuple[float, float], rate: Any, cursor: Any
) -> None:
    """Halve the factor after an overflow, and make this batch's rate NaN: no update.

    It is doubled after `patience` steps without, and stays within the limits.
    """
    (factor, steps), overflowed = (scale[:1].clone(), scale[1:].clone()), overflows != 0
    is_due = steps + 1 >= patience
    larger = torch.where(is_due, (factor * 2).clamp_(max=limits[1]), factor)
    scale[:1] = torch.where(overflowed, (factor / 2).clamp_(min=limits[0]), larger)
    scale[1:] = torch.where(overflowed | is_due, 0, steps + 1)
    now = rate.index_select(0, cursor)
    rate.index_copy_(0, cursor, torch.where(overflowed, math.nan, now))
