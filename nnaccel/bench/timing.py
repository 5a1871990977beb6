"""Fair timing on a noisy machine: contestants take turns, and ratios are taken turn by turn."""

from __future__ import annotations

import gc
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

Run = Callable[[], object]


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
    if repeats < 1:
        raise ValueError(f"repeats is {repeats}; at least one turn is needed.")
    first: dict[str, float] = {}
    seconds: dict[str, list[float]] = {name: [] for name in contestants}
    for name, run in contestants.items():
        _progress(f"first run of {name}")
        first[name] = _time(run, pause)
    for turn in range(repeats):
        for name, run in contestants.items():
            _progress(f"turn {turn + 1} of {repeats}: {name}")
            seconds[name].append(_time(run, pause))
    _progress("")
    return {name: Timing(first[name], tuple(seconds[name])) for name in contestants}


def _time(run: Run, pause: float) -> float:
    """Seconds of one call, with no rubbish of the last one left to collect."""
    gc.collect()
    time.sleep(pause)
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


def _progress(text: str) -> None:
    """Say on one line of the terminal what is running; silent where there is no terminal."""
    if sys.stderr.isatty():
        sys.stderr.write(f"\r\x1b[K{text}")
        sys.stderr.flush()
