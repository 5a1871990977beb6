"""Autotuning: whether a thread pool or one thread runs a tape faster just now."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

_TIMED_SECONDS = 0.002  # that a trial should take, so that its time says something
#: Share of the time that goes to trials of the other way, while the pool is used or is not.
_TRIAL_SHARE = {True: 0.004, False: 0.04}
_LONGEST_SECONDS = 0.01  # that pass before the choice is looked at again


class Autotune:
    """Finds out, tape by tape, whether a pool is faster than one thread just now.

    On a machine that others use too, threads that wait for one another can be slower than one
    alone. Results do not depend on the choice, so it is made by the clock: at first, and every so
    often, a few repeats run the other way, and the faster way is kept.

    Parameters
    ----------
    is_prompt : callable
        Whether the threads of the pool meet without delay just now; where they do not, the pool is
        not used at all.
    """

    def __init__(self, is_prompt: Callable[[], bool]) -> None:
        self._is_prompt = is_prompt
        self._seconds = {True: 0.0, False: 0.0}  # of one repeat, by whether the pool ran it
        self._since = 0.0  # seconds since the last trial
        self._trials = [True, False]  # ways to try next

    def schedule(self, repeats: int) -> Iterator[tuple[bool, int]]:
        """Yield how many repeats to run together (True) or alone (False), until all are done.

        The time of each is to be noted before the next is asked for.
        """
        while repeats > 0:
            together, count = self._next()
            count = min(count, repeats)
            yield together, count
            repeats -= count

    def note(self, together: bool, repeats: int, seconds: float) -> None:
        """Remember how long some repeats took.

        A shorter time than known is believed at once; longer ones are averaged in, since other
        programs may have caused them.
        """
        known, latest = self._seconds[together], seconds / repeats
        self._seconds[together] = (known + latest) / 2 if 0 < known < latest else latest
        self._since += seconds

    def _next(self) -> tuple[bool, int]:
        """Return the next way, and the most repeats to run that way."""
        together = self._seconds[True] <= (self._seconds[False] or math.inf)
        if not self._trials:
            # Threads that were asleep are slow at first, so they are timed twice.
            tries = [not together] * (1 if together else 2)
            cost = self._seconds[not together] * len(tries)
            cost *= self._repeats_in(_TIMED_SECONDS, not together)
            if cost <= _TRIAL_SHARE[together] * self._since:
                self._trials = tries
        way = self._trials[0] if self._trials else together
        if way and not self._is_prompt():
            return False, self._repeats_in(_LONGEST_SECONDS, False)
        if not self._trials:
            return way, self._repeats_in(_LONGEST_SECONDS, way)
        self._trials.pop(0)
        self._since = 0.0
        return way, self._repeats_in(_TIMED_SECONDS, way)

    def _repeats_in(self, seconds: float, together: bool) -> int:
        """Return the repeats that take so long, at least one."""
        known = self._seconds[together] or self._seconds[not together]
        return math.ceil(seconds / known) if known else 1
