"""Arrays of other libraries that a GPU still reads.

A library may use the memory of an array again as soon as nobody holds it, on a stream that does not
wait for CuPy's. So what CuPy's stream has still to read is held here, until a later call finds that
it has been.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterable

from nnaccel.backends._backend import Array, home_of

_lock = threading.Lock()
_held: list[tuple[Array, list[Array]]] = []  # arrays, after the event that follows their last use


def hold_until_read(arrays: Iterable[Array]) -> None:
    """Hold the arrays that are CuPy's until its current stream has done what it has been given."""
    read = [a for a in arrays if home_of(a) == "cupy"]
    if read:
        event = sys.modules["cupy"].cuda.get_current_stream().record()
        with _lock:
            _held[:] = [(event, read), *(item for item in _held if not item[0].done)]
