"""Together or alone: which way of running a table of kernels is faster just now."""

from __future__ import annotations

import math

_TRIAL_EVERY = {True: 10, False: 4}  # runs of a table, while the team is used or is not
_TRIAL_SHARE = 8  # of a run, at most, is spent on trying the other way
_TIMED_SECONDS = 0.002  # a shorter time says more about starting threads than about the table


class Autotune:
    """Finds out, table by table, whether a team is faster than one thread just now.

    On a machine that others use too, threads that wait for one another can be slower than one
    alone. Results do not depend on the choice, so it is made by the clock: every so often a small
    share of the repeats runs the other way, and the faster way is kept.
    """

    def __init__(self) -> None:
        self._seconds = {True: 0.0, False: 0.0}  # of one repeat; 0 until known
        self._runs = 0

    def plan(self, repeats: int) -> list[tuple[bool, int]]:
        """Return how many repeats to run together (True) and alone (False), in this order."""
        self._runs += 1
        alone = self._seconds[False]
        together = not alone or self._seconds[True] <= alone
        if not self._seconds[True] or (alone and self._runs % _TRIAL_EVERY[together]):
            return [(together, repeats)]
        trial = math.ceil(_TIMED_SECONDS / self._seconds[together])
        # Threads that were asleep are slow at first, so they are timed twice.
        tries = 1 if together else 2
        if repeats < _TRIAL_SHARE * trial * tries:
            return [(together, repeats)]
        return [(not together, trial)] * tries + [(together, repeats - tries * trial)]

    def note(self, together: bool, repeats: int, seconds: float) -> None:
        """Remember how long some repeats took.

        A shorter time than known is believed at once, for nothing but the kernels made it, and
        first runs are slow whichever the way; longer ones are averaged in.
        """
        if seconds >= _TIMED_SECONDS:
            known, latest = self._seconds[together], seconds / repeats
            self._seconds[together] = (known + latest) / 2 if 0 < known < latest else latest
