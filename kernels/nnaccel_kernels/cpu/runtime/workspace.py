"""Workspace: memory that kernels compute in, shared by all launches of a tape or of a thread."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from nnaccel_kernels.cpu.runtime.address import LINE, on_a_line
from nnaccel_kernels.cpu.runtime.tape import local
from nnaccel_kernels.cpu.runtime.thread_pool import thread_pool


def scratch(dtype: Any, *shapes: tuple[int, ...]) -> list[np.ndarray]:
    """Return uninitialised arrays of these shapes, which are valid until the next call.

    Launches of one thread, or of one tape, follow each other, so they share their memory.
    """
    dtype = np.dtype(dtype)
    sizes = [-(-math.prod(s) * dtype.itemsize // LINE) * LINE for s in shapes]
    owner = getattr(local, "tape", None) or local
    memory = getattr(owner, "scratch", None)
    if memory is None or memory.size < sum(sizes):
        memory = owner.scratch = on_a_line(sum(sizes))
    start, found = 0, []
    for shape, size in zip(shapes, sizes, strict=True):
        found.append(memory[start : start + math.prod(shape) * dtype.itemsize].view(dtype))
        found[-1] = found[-1].reshape(shape)
        start += size
    return found


def thread_workspaces(
    dtype: np.dtype, shared: tuple[int, ...], elements: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return an array that threads share, the counters of `work_items`, and a row per thread.

    Rows have `elements` elements.
    """
    threads = thread_pool().size
    common, rows = scratch(dtype, shared, (threads, elements))
    return common, _counters(threads), rows


def _counters(threads: int) -> np.ndarray:
    """Zeros for `work_items`: a cache line for each thread, and one for finished threads."""
    owner = getattr(local, "tape", None) or local
    found: np.ndarray | None = getattr(owner, "counters", None)
    if found is None or len(found) <= threads:
        found = owner.counters = np.zeros((threads + 1, LINE // 8), np.int64)
    return found
