"""Room for kernels to work in: less of it where the device has no more."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any

_log = logging.getLogger("nnaccel")


def at_once(count: int, each: int, most: int) -> int:
    """How many of `count` images, which take `each` bytes, `most` bytes hold; one at least."""
    return min(count, max(1, most // max(1, each)))


def pieces(count: int, size: int) -> Iterator[slice]:
    """Cut `count` images into runs of `size`, but for the last."""
    for first in range(0, count, size):
        yield slice(first, min(first + size, count))


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
