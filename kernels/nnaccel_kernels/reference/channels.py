"""Sum over each channel of images, and bias with activation, in place."""

from __future__ import annotations

from typing import Any

from nnaccel_kernels.reference.activation import activate
from nnaccel_kernels.reference.namespace import namespace, widest

__all__ = ["bias_activate", "sum_channels"]


def sum_channels(dy: Any, db: Any) -> None:
    """db[k] = sum of dy over N, H and W: gradient of a convolution in its bias."""
    xp = namespace(dy)
    db[...] = xp.astype(xp.sum(dy, axis=(0, 2, 3), dtype=widest(dy)), db.dtype)


def bias_activate(y: Any, b: Any, activation: str, alpha: float) -> None:
    """y = f(y + b) in place, b per channel or None, for the elementwise activation f."""
    if b is not None:
        y += b[:, None, None]
    if activation != "linear":
        activate(activation, alpha, y, y)
