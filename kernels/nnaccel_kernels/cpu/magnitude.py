"""The largest magnitude of an array."""

from __future__ import annotations

import numpy as np

from nnaccel_kernels.cpu.runtime.kernel import kernel

__all__ = ["largest_magnitude"]


@kernel
def _largest_magnitude(rank, size, x, magnitude, largest):  # type: ignore[no-untyped-def]
    """By the bits without the sign, whose order is that of magnitudes, with NaN above infinity."""
    most = x[0] & magnitude
    for i in range(x.size):
        bits = x[i] & magnitude
        most = bits if bits > most else most
    largest[0] = most


def largest_magnitude(x: np.ndarray, largest: np.ndarray) -> None:
    """largest[0] = max(abs(x)) for a flat x of at least one number; NaN if one of them is."""
    kind = np.dtype(f"i{x.itemsize}")
    _largest_magnitude(x.view(kind), int(np.iinfo(kind).max), largest.view(kind))
