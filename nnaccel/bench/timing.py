"""Fair timing on a noisy machine: contestants take turns, and ratios are computed per turn."""

from __future__ import annotations

import gc
import math
import shutil
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from nnaccel import _config

Run = Callable[[], object]
_clock = time.perf_counter
Result = TypeVar("Result")

PAUSE = 0.15  # seconds: OpenBLAS's threads spin for a tenth of one after their work


def use_cpu_time() -> None:
    """Count the processor time of this process from now on, which other programs do not change.

    Each library may use one thread: those that wait for work would count too.
    """
    global _clock
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    _config.use_one_thread()
    threadpool_limits(1)
    _clock = time.process_time


def is_cpu_time() -> bool:
    """Whether processor time is counted."""
    return _clock is time.process_time


@dataclass(frozen=True)
class Timing:
    """Seconds of one contestant: its first call, including compilation, and its warm calls."""

    first: float
    seconds: tuple[float, ...]

    @property
    def median(self) -> float:
        """Median warm seconds."""
        return float(np.median(self.seconds))

    @property
    def iqr(self) -> float:
        """Interquartile range of the warm seconds."""
        low, high = np.percentile(self.seconds, [25, 75])
        return float(high - low)

    def ratio_to(self, other: Timing) -> float:
        """Median over turns of the ratio of seconds to those of `other`."""
        return float(np.median(np.divide(self.seconds, other.seconds)))


def compare(
    contestants: Mapping[str, Run], repeats: int = 5, *, pause: float = PAUSE
) -> dict[str, Timing]:
    """Time contestants in turns (A B C A B C …), after a first call of each.

    A machine's speed changes by the minute. Turns spread that over all contestants, and a ratio
    within a turn cancels most of the rest.

    Parameters
    ----------
    contestants : mapping of str to callable
        Functions that return when their work is done.
    repeats : int
        Turns, each of one call per contestant.
    pause : float
        Seconds before each call, in which the last contestant's spinning threads go to sleep.

    Returns
    -------
    dict of str to Timing

    Raises
    ------
    ValueError
        If repeats is below one.

    Examples
    --------
    >>> timings = compare({"short": lambda: sum(range(10)), "long": lambda: sum(range(10_000))})
    >>> timings["long"].ratio_to(timings["short"]) > 1
    True
    """
    require_turns(repeats)
    first = {}
    for name, run in contestants.items():
        progress(f"first run of {name}")
        first[name] = measure(run, pause=pause)[0]
    seconds = take_turns(contestants, repeats, pause=pause)
    return {name: Timing(first[name], seconds[name]) for name in contestants}


def take_turns(
    contestants: Mapping[str, Run],
    repeats: int,
    *,
    calls: Mapping[str, int] | None = None,
    pause: float = PAUSE,
    title: str = "",
) -> dict[str, tuple[float, ...]]:
    """Return each contestant's seconds per call, one number for each turn.

    Parameters
    ----------
    contestants, repeats, pause
        As for `compare`.
    calls : mapping of str to int, optional
        Calls of a contestant in its turn, if one call is too short to measure.
    title : str, optional
        Prefix of the progress line.

    Returns
    -------
    dict of str to tuple of float

    Examples
    --------
    >>> len(take_turns({"nothing": lambda: None}, 3, calls={"nothing": 1000}, pause=0)["nothing"])
    3
    """
    require_turns(repeats)
    calls = calls or {}
    seconds: dict[str, list[float]] = {name: [] for name in contestants}
    gc.collect()
    gc.freeze()  # what is alive need not be looked through again before each turn
    try:
        for turn in range(repeats):
            for name, run in contestants.items():
                progress(f"{title}turn {turn + 1} of {repeats}: {name}")
                seconds[name].append(measure(run, calls.get(name, 1), pause=pause)[0])
    finally:
        gc.unfreeze()
    progress("")
    return {name: tuple(each) for name, each in seconds.items()}


def take_short_turns(
    contestants: Mapping[str, Run],
    repeats: int,
    *,
    seconds: float,
    pause: float = PAUSE,
    title: str = "",
) -> dict[str, tuple[float, ...]]:
    """`take_turns`, each of so many calls that it takes about so many seconds.

    Examples
    --------
    >>> short = take_short_turns({"sum": lambda: sum(range(9))}, 2, seconds=0.001, pause=0)
    >>> len(short["sum"])
    2
    """
    progress(f"{title}warming up")
    first = {name: measure(run, pause=pause)[0] for name, run in contestants.items()}
    calls = {name: math.ceil(seconds / max(spent, 1e-7)) for name, spent in first.items()}
    return take_turns(contestants, repeats, calls=calls, pause=pause, title=title)


def measure(
    run: Callable[[], Result], calls: int = 1, *, pause: float = PAUSE
) -> tuple[float, Result]:
    """Seconds per call, and the last result; garbage is collected beforehand."""
    gc.collect()
    time.sleep(pause)
    if calls > 1:
        run()  # warms up: another contestant had the caches
    start = _clock()
    for _ in range(calls - 1):
        run()
    result = run()
    return (_clock() - start) / calls, result


def require_turns(repeats: int) -> None:
    """Raise a ValueError unless there is at least one turn."""
    if repeats < 1:
        raise ValueError(f"repeats is {repeats}; at least one turn is needed.")


def progress(text: str) -> None:
    """Show on one line of the terminal what is running; nothing without a terminal."""
    if sys.stderr.isatty():
        columns = shutil.get_terminal_size().columns - 1  # what is longer could not be wiped out
        sys.stderr.write(f"\r\x1b[K{text[:columns]}")
        sys.stderr.flush()
