"""Device functions written in LLVM's instructions, each beside the plain code that it stands for.

The simulator runs the plain code.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from numba import config

try:  # numba-cuda has its own copies
    from numba.cuda import cgutils, types
    from numba.cuda.extending import intrinsic
    from numba.cuda.np import arrayobj
except ImportError:
    from numba.core import cgutils, types
    from numba.extending import intrinsic
    from numba.np import arrayobj

__all__ = ["arrayobj", "cgutils", "emitted", "intrinsic", "types"]


def emitted(plain: Callable[..., Any]) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Decorate what returns a signature and its code generator: it computes what `plain` does."""

    def choose(emit: Callable[..., Any]) -> Callable[..., Any]:
        function: Callable[..., Any] = plain if config.ENABLE_CUDASIM else intrinsic(emit)
        return function

    return choose
