"""The hot loops of nnaccel: plain functions that fill arrays they are given.

`reference` holds the obvious version of everything, for NumPy and CuPy arrays alike; `cpu` the
compiled one for NumPy arrays. Both offer the same functions under the same names. Nothing here
validates or decides: that happens once, in `nnaccel.ops`.
"""

import time
from collections.abc import Callable

IMPORTED = time.time()  # sources that are newer are not those that run

# Called with the name of each kernel that had to be compiled; set by what shows progress.
on_compiled: Callable[[str], None] | None = None


def say_compiled(name: str) -> None:
    """Report a kernel that had to be compiled, if progress is shown."""
    if on_compiled is not None:
        on_compiled(name)
