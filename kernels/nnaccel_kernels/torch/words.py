"""Words of 32 and 64 bits in signed integers, which is what PyTorch computes with."""

from __future__ import annotations

from typing import Any

from nnaccel_kernels.reference.dropout import _MIX1, _MIX2


def signed(word: Any, bits: int) -> int:
    """An unsigned word's number as a signed one."""
    return (int(word) + (1 << (bits - 1))) % (1 << bits) - (1 << (bits - 1))


def shifted(z: Any, bits: int) -> Any:
    """Words shifted to the right, with zeros from the left."""
    size = 8 * z.element_size()
    return (z >> bits).bitwise_and_((1 << (size - bits)) - 1)


def mix(z: Any) -> Any:
    """SplitMix64's hash of words of 64 bits."""
    z = (z ^ shifted(z, 30)) * signed(_MIX1, 64)
    z = (z ^ shifted(z, 27)) * signed(_MIX2, 64)
    return z ^ shifted(z, 31)
