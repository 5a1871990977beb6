"""Dropout with the mask of the plain kernel, made on the device."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from nnaccel_kernels.reference.dropout import _GAMMA, _M1, _M2, _M3
from nnaccel_kernels.torch.words import mix, shifted, signed

__all__ = ["dropout"]


def dropout(x: Any, rate: float, key: Any, step: Any, first: int, y: Any) -> None:
    """y = x / (1 - rate) where the mask of (key, step) keeps an element, else 0.

    x begins at position `first`.
    """
    base = mix(step[:1] * signed(_GAMMA, 64) + signed(key[0], 64))
    low, high = base & 0xFFFFFFFF, (base >> 32).to(torch.int32)
    positions = torch.arange(first, first + x.numel(), device=x.device)
    z = positions.add_(low).to(torch.int32)
    z = (z ^ shifted(z, 17)).mul_(signed(_M1, 32)).bitwise_xor_(high)
    z = (z ^ shifted(z, 11)).mul_(signed(_M2, 32))
    z = (z ^ shifted(z, 15)).mul_(signed(_M3, 32))
    keep = shifted(z ^ shifted(z, 14), 8) >= int(np.uint32(rate * 2.0**24))
    y.copy_(torch.where(keep.reshape(x.shape), x * (1 / (1 - rate)), 0))
