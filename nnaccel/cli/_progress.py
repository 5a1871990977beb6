"""How far a command has come, where it has many things to do."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from nnaccel._text import shorten
from nnaccel.training.callbacks._bars import make_bar
from nnaccel.training.callbacks._progress_text import duration

#: Columns that the bar and its margins have at least.
_BAR = 14


@contextmanager
def progress(total: int) -> Iterator[Callable[[str], None]]:
    """Meanwhile, draw a bar on stderr; gives the function to call with the name of what begins.

    Nothing is drawn where stderr is no terminal, or there is one thing only to do.
    """
    bar = None
    if total > 1 and sys.stderr.isatty():
        from rich.console import Console

        bar = make_bar(Console(stderr=True))
    if bar is None:
        yield lambda name: None
        return
    start, done, width = time.perf_counter(), -1, bar.width or 80

    def show(name: str) -> None:
        nonlocal done
        done += 1
        label = f"{done}/{total}"
        seconds = (time.perf_counter() - start) / max(done, 1) * (total - done)
        left = f"  {duration(seconds)} left" if done else ""
        room = max(width - len(label) - len(left) - _BAR, 1)
        bar.show(label, done / total, f"{shorten(name, room)}{left}")

    try:
        yield show
    finally:
        bar.close()
