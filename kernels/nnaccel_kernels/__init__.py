"""The hot loops of nnaccel: plain functions that fill arrays they are given.

`reference` holds the obvious version of everything, for NumPy and CuPy arrays alike; `cpu` the
compiled one for NumPy arrays. Both offer the same functions under the same names. Nothing here
validates or decides: that happens once, in `nnaccel.ops`.
"""

from collections.abc import Callable

# Told the name of each kernel that had to be compiled; whoever shows progress sets it.
on_compiled: Callable[[str], None] | None = None
