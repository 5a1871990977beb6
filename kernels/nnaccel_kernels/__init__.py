"""The hot loops of nnaccel: plain functions that fill arrays they are given.

`reference` holds the plain definition of every kernel, for arrays of any library that are writable
in place; `cpu` (Numba, NumPy arrays) and `cuda` (numba-cuda, CuPy arrays) fast ones under the same
names. Kernels check nothing and allocate no results: `nnaccel.ops` does both.
"""

import time
from collections.abc import Callable

IMPORTED = time.time()  # sources that are newer are not those that run

# Called with the name of each kernel that had to be compiled; set by what shows progress.
on_compiled: Callable[[str], None] | None = None


compile_seconds = 0.0  # that this process has spent with it


def say_compiled(name: str, seconds: float) -> None:
    """Count the time that a kernel had to be compiled for; report it, if progress is shown."""
    global compile_seconds
    compile_seconds += seconds
    if on_compiled is not None:
        on_compiled(name)
