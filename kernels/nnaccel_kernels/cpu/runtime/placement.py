"""Placement: each thread of the pool on a processor of its own.

Linux wakes a thread on the processor of the one that calls it, as if that were about to wait. Here
it goes on, and both would share the processor until the system notices, for a tenth of a second.
"""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Callable
from contextlib import suppress


def _processor_of_thread() -> Callable[[], int] | None:
    """Return the C function that tells where the calling thread runs; None where there is none."""
    if not (sys.platform == "linux" and hasattr(os, "sched_setaffinity")):
        return None
    try:
        function: Callable[[], int] = ctypes.PyDLL(None).sched_getcpu
    except AttributeError:
        return None
    return function


_processor = _processor_of_thread()


class Placement:
    """Processors of the threads that wake up together, and of the one that wakes them."""

    def __init__(self) -> None:
        self._taken = {_processor()} if _processor else set()

    def take(self) -> None:
        """Move the calling thread to a free processor, if another thread has this one.

        It may be moved again: only the first place is chosen here.
        """
        if _processor is None:
            return
        if _processor() in self._taken:
            with suppress(OSError):  # where a sandbox forbids it, threads begin side by side
                allowed = os.sched_getaffinity(0)
                if free := allowed - self._taken:
                    os.sched_setaffinity(0, free)
                    self._taken.add(_processor())
                    os.sched_setaffinity(0, allowed)
        self._taken.add(_processor())
