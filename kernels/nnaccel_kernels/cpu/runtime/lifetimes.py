"""Places of arrays in one buffer, shared by those that are never needed at the same time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from nnaccel_kernels.cpu.runtime.address import LINE


class Lifetime(NamedTuple):
    """Size in bytes of an array, and the first and the last launch that work on it."""

    size: int
    first: int
    last: int


def place(lifetimes: Sequence[Lifetime]) -> tuple[list[int], int]:
    """Return an offset for each array, and the size of the buffer: first fit, in order of birth."""
    offsets, total = [0] * len(lifetimes), 0
    placed: list[int] = []
    for new in sorted(range(len(lifetimes)), key=lambda i: lifetimes[i].first):
        size, first, last = lifetimes[new]
        beside = [i for i in placed if lifetimes[i].last >= first and lifetimes[i].first <= last]
        start = 0
        for i in sorted(beside, key=lambda i: offsets[i]):
            if start + size <= offsets[i]:
                break
            start = max(start, _after(offsets[i] + lifetimes[i].size))
        offsets[new], total = start, max(total, start + size)
        placed.append(new)
    return offsets, total


def _after(offset: int) -> int:
    """The cache line that begins there or next."""
    return -(-offset // LINE) * LINE
