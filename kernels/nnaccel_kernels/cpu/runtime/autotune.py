"""Autotuning: the choice between the thread pool and one thread, by measured time."""

from __future__ import annotations

import math
from collections.abc import Iterator

_TIMED_SECONDS = 0.002  # of a trial: shorter times measure the start of threads
#: Share of the time spent on trials of the other way, while the pool is used or is not.
_TRIAL_SHARE = {True: 0.004, False: 0.04}
_LONGEST_SECONDS = 0.01  # before the choice is made again


class Autotune:
    """Finds out whether a tape is faster on the thread pool than on one thread.

    On a busy machine threads that wait for each other can be slower than one alone. Results do not
    depend on the choice, so it is made by measured time: at first, and now and then, a few repeats
    run the other way, and the faster way is kept.
    """

    def __init__(self) -> None:
        self._seconds = {True: 0.0, False: 0.0}  # of one repeat, by whether the pool ran it
        self._since = 0.0  # seconds since the last trial
        # The first repeat wakes threads and faults pages in.
        self._trials: list[tuple[bool, int]] = [(True, 1), (True, 0), (False, 0)]

    def schedule(self, repeats: int) -> Iterator[tuple[bool, int]]:
        """Yield runs as (on the pool, repeats), until all repeats are done.

        `note` the time of each before the next.
        """
        while repeats > 0:
            together, count = self._next()
            count = min(count, repeats)
            yield together, count
            repeats -= count

    def note(self, together: bool, repeats: int, seconds: float) -> None:
        """Remember how long some repeats took.

        A shorter time than the known one replaces it. A longer one, which other programs may have
        caused, is averaged with it.
        """
        known, latest = self._seconds[together], seconds / repeats
        self._seconds[together] = (known + latest) / 2 if 0 < known < latest else latest
        self._since += seconds

    def _next(self) -> tuple[bool, int]:
        """Return the next run as (on the pool, most repeats)."""
        together = self._seconds[True] <= (self._seconds[False] or math.inf)
        if not self._trials:
            # Threads that slept are slow at first, so they are timed twice.
            tries = [(not together, 0)] * (1 if together else 2)
            cost = self._seconds[not together] * len(tries)
            cost *= self._repeats_in(_TIMED_SECONDS, not together)
            if cost > _TRIAL_SHARE[together] * self._since:
                return together, self._repeats_in(_LONGEST_SECONDS, together)
            self._trials = tries
        self._since = 0.0
        way, count = self._trials.pop(0)
        return way, count or self._repeats_in(_TIMED_SECONDS, way)

    def _repeats_in(self, seconds: float, together: bool) -> int:
        """Return the number of repeats that take this time, at least one."""
        known = self._seconds[together] or self._seconds[not together]
        return math.ceil(seconds / known) if known else 1
