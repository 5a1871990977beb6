"""Workspace: arrays that kernels compute in, handed out anew by every call of `scratch`."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from nnaccel_kernels.cpu.runtime.tape import local

_LINE_BYTES = 64


def scratch(dtype: Any, *shapes: tuple[int, ...]) -> list[np.ndarray]:
    """Return room for kernels to work in, one array for each shape, valid until the next call.

    Launches of one thread, or of one tape, follow each other, so they share their room.
    """
    dtype = np.dtype(dtype)
    sizes = [-(-math.prod(s) * dtype.itemsize // _LINE_BYTES) * _LINE_BYTES for s in shapes]
    owner = getattr(local, "tape", None) or local
    room = getattr(owner, "scratch", None)
    if room is None or room.size < sum(sizes) + _LINE_BYTES:
        room = owner.scratch = np.empty(sum(sizes) + _LINE_BYTES, np.uint8)
    start = -room.ctypes.data % _LINE_BYTES
    found = []
    for shape, size in zip(shapes, sizes, strict=True):
        found.append(room[start : start + math.prod(shape) * dtype.itemsize].view(dtype))
        found[-1] = found[-1].reshape(shape)
        start += size
    return found


def counters(threads: int) -> np.ndarray:
    """Zeros for `claim`: a cache line for each thread, and one for those who are done."""
    owner = getattr(local, "tape", None) or local
    found: np.ndarray | None = getattr(owner, "counters", None)
    if found is None or len(found) <= threads:
        found = owner.counters = np.zeros((threads + 1, _LINE_BYTES // 8), np.int64)
    return found
