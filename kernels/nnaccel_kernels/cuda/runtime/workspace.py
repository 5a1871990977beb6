"""Temporary device memory, in smaller chunks where the device is short of it."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any

_log = logging.getLogger("nnaccel")


def chunk_size(count: int, image_bytes: int, limit: int) -> int:
    """How many of `count` images to take at a time within `limit` bytes; at least one."""
    return min(count, max(1, limit // max(1, image_bytes)))


def chunks(count: int, size: int) -> Iterator[slice]:
    """Split `count` images into slices of `size`; the last may be shorter."""
    for first in range(0, count, size):
        yield slice(first, min(first + size, count))


def allocate(xp: Any, count: int, shape: tuple[int, ...], dtype: Any) -> tuple[int, Any]:
    """Return a count and an uninitialised array (count, *shape), with half the count until it fits.

    Raises
    ------
    MemoryError
        If not even one fits.
    """
    while True:
        try:
            return count, xp.empty((count, *shape), dtype)
        except MemoryError:
            if count == 1:
                raise
            count = -(-count // 2)
            _log.info("the device is short of memory: a convolution takes %d at a time", count)
