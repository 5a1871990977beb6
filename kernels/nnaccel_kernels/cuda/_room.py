"""Room for kernels to work in: less of it where the device has no more."""

from __future__ import annotations

import logging
from typing import Any

_log = logging.getLogger("nnaccel")

_MOST = 1 << 30  # bytes that columns may take


def images_within(count: int, each: int) -> int:
    """How many of `count` images, of so many bytes each, are taken together."""
    return min(count, max(1, _MOST // max(1, each)))


def room(xp: Any, count: int, each: tuple[int, ...], dtype: Any) -> tuple[int, Any]:
    """Return how many there is room for, at most `count`, and the room (count, *each).

    Raises
    ------
    MemoryError
        If there is not even room for one.
    """
    while True:
        try:
            return count, xp.empty((count, *each), dtype)
        except MemoryError:
            if count == 1:
                raise
            count = -(-count // 2)
            _log.info("the device is short of memory: a convolution takes %d at a time", count)
