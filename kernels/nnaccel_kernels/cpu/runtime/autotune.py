"""The choice between the thread pool and one thread, by measured time."""

from __future__ import annotations

import math

_TRIAL_EVERY = {True: 10, False: 4}  # runs of a tape, while the pool is used or is not
_TRIAL_SHARE = 8  # at most one in this many repeats tries the other way
_TIMED_SECONDS = 0.002  # shorter times measure the start of threads rather than kernels


class Autotune:
    """Finds out whether a tape is faster on the thread pool than on one thread.

    On a busy machine threads that wait for each other can be slower than one alone. Results do not
    depend on the choice, so it is made by measured time: now and then a small share of the repeats
    runs the other way, and the faster way is kept.
    """

    def __init__(self) -> None:
        self._seconds = {True: 0.0, False: 0.0}  # of one repeat; 0 until known
        self._runs = 0

    def schedule(self, repeats: int) -> list[tuple[bool, int]]:
        """Return runs in order, each as (on the pool, repeats)."""
        self._runs += 1
        alone = self._seconds[False]
        together = not alone or self._seconds[True] <= alone
        if not self._seconds[True] or (alone and self._runs % _TRIAL_EVERY[together]):
            return [(together, repeats)]
        trial = math.ceil(_TIMED_SECONDS / self._seconds[together])
        # Threads that slept are slow at first, so they are timed twice.
        tries = 1 if together else 2
        if repeats < _TRIAL_SHARE * trial * tries:
            return [(together, repeats)]
        return [(not together, trial)] * tries + [(together, repeats - tries * trial)]

    def note(self, together: bool, repeats: int, seconds: float) -> None:
        """Remember how long some repeats took.

        A shorter time than the known one replaces it, since first runs are slow either way. A
        longer one, which other programs may have caused, is averaged with it.
        """
        if seconds >= _TIMED_SECONDS:
            known, latest = self._seconds[together], seconds / repeats
            self._seconds[together] = (known + latest) / 2 if 0 < known < latest else latest
