"""Timing of what a GPU does: by events on the device, in turns, after a warm-up."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from statistics import median
from typing import Any

import numpy as np

from nnaccel.bench.problem import DisagreementError

Stop = Callable[[], float]
Clock = Callable[[], Stop]
Timed = Callable[[int], float]  # milliseconds per call, of so many calls in a row

TURNS = 7
_LEAST_MS = 20.0  # of a turn: what is shorter is called more often
_MOST_CALLS = 1000
_WARM_UP = 3


def wall_clock() -> Stop:
    """Start; what is returned gives the milliseconds since then."""
    start = time.perf_counter()
    return lambda: 1e3 * (time.perf_counter() - start)


def cupy_clock() -> Stop:
    """The same on CuPy's current stream, once all that was handed to it is done."""
    import cupy

    begin, end = cupy.cuda.Event(), cupy.cuda.Event()
    begin.record()

    def stop() -> float:
        end.record()
        end.synchronize()
        return float(cupy.cuda.get_elapsed_time(begin, end))

    return stop


def torch_clock() -> Stop:
    """The same on PyTorch's current stream."""
    import torch

    begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
    begin.record()

    def stop() -> float:
        end.record()
        end.synchronize()
        return float(begin.elapsed_time(end))

    return stop


def timed(replay: Callable[[int], object], clock: Clock) -> Timed:
    """Time what runs something so many times."""

    def milliseconds(calls: int) -> float:
        stop = clock()
        replay(calls)
        return stop() / calls

    return milliseconds


def medians(contestants: Mapping[str, Timed], turns: int = TURNS) -> dict[str, float]:
    """Median milliseconds per call of each, timed in turns: A B C A B C …

    The first calls, which compile, capture and choose algorithms, do not count.
    """
    calls = {}
    for name, run in contestants.items():
        run(_WARM_UP)
        calls[name] = min(_MOST_CALLS, math.ceil(_LEAST_MS / max(run(1), 1e-6)))
    spent: dict[str, list[float]] = {name: [] for name in contestants}
    for _ in range(turns):
        for name, run in contestants.items():
            spent[name].append(run(calls[name]))
    return {name: median(each) for name, each in spent.items()}


def require_close(name: str, got: Any, wanted: Any, tolerance: float = 1e-3) -> float:
    """Return the relative Frobenius error of an array; DisagreementError if it is too large."""
    got, wanted = np.asarray(got, np.float64), np.asarray(wanted, np.float64)
    if got.shape != wanted.shape:
        raise DisagreementError(f"{name} has shape {got.shape}, but should have {wanted.shape}")
    error = float(np.linalg.norm(got - wanted) / np.linalg.norm(wanted))
    if not error < tolerance:  # a NaN is not below anything
        raise DisagreementError(f"{name} is off by {error:.2g}; at most {tolerance:g} was expected")
    return error
