"""The largest magnitude of an array."""

from __future__ import annotations

from typing import Any

from nnaccel_kernels.reference.namespace import namespace

__all__ = ["largest_magnitude"]


def largest_magnitude(x: Any, largest: Any) -> None:
    """largest[0] = max(abs(x)) for a flat x of at least one number; NaN if one of them is."""
    largest[...] = namespace(x).max(abs(x))
