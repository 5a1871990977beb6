"""Fair timing on a noisy machine: contestants take turns, and ratios are taken turn by turn."""

from __future__ import annotations

import gc
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

Run = Callable[[], object]
Result = TypeVar("Result")


@dataclass(frozen=True)
class Timing:
    """Seconds of one contestant: its first call (compilation included), then each warm one."""

    first: float
    seconds: tuple[float, ...]

    @property
    def median(self) -> float:
        """Median warm seconds."""
        return float(np.median(self.seconds))

    @property
    def iqr(self) -> float:
        """Interquartile range of the warm seconds: the spread of the middle half."""
        low, high = np.percentile(self.seconds, [25, 75])
        return float(high - low)

    def ratio_to(self, other: Timing) -> float:
        """How many times as long as `other` this took: the median over turns of the ratio."""
        return float(np.median(np.divide(self.seconds, other.seconds)))


def compare(
    contestants: Mapping[str, Run], repeats: int = 5, *, pause: float = 0.05
) -> dict[str, Timing]:
    """Time contestants in turns (A B C A B C …), after a first call of each.

    A machine slows down and speeds up by the minute. Turns spread that over everybody, and a
    ratio within a turn cancels most of what is left.

    Parameters
    ----------
    contestants : mapping of str to callable
        What to run; a call returns when its work is done.
    repeats : int
        Turns, each of one call per contestant.
    pause : float
        Seconds of rest before each call, for the spinning worker threads of the last one to sleep.

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
    pause: float = 0.05,
    title: str = "",
) -> dict[str, tuple[float, ...]]:
    """Return each contestant's seconds per call, one number for each turn.

    Parameters
    ----------
    contestants, repeats, pause
        As for `compare`.
    calls : mapping of str to int, optional
        How often a contestant is called in its turn, where once is too short to be measured.
    title : str, optional
        What is being timed, for the progress line.

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
    for turn in range(repeats):
        for name, run in contestants.items():
            progress(f"{title}turn {turn + 1} of {repeats}: {name}")
            seconds[name].append(measure(run, calls.get(name, 1), pause=pause)[0])
    progress("")
    return {name: tuple(each) for name, each in seconds.items()}


def measure(
    run: Callable[[], Result], calls: int = 1, *, pause: float = 0.05
) -> tuple[float, Result]:
    """Seconds per call and what the last one returned, with no rubbish left to collect."""
    gc.collect()
    time.sleep(pause)
    start = time.perf_counter()
    for _ in range(calls - 1):
        run()
    result = run()
    return (time.perf_counter() - start) / calls, result


def require_turns(repeats: int) -> None:
    """Raise a ValueError unless there is at least one turn."""
    if repeats < 1:
        raise ValueError(f"repeats is {repeats}; at least one turn is needed.")


def progress(text: str) -> None:
    """Say on one line of the terminal what is running; silent where there is no terminal."""
    if sys.stderr.isatty():
        sys.stderr.write(f"\r\x1b[K{text}")
        sys.stderr.flush()
