"""C functions of other libraries as rows of a tape, called by their address without Python.

What they are given is whole numbers and pointers, at most eight: so many go in registers, where a
32-bit argument is the lower half of a 64-bit one, on x86-64 Unix (six, and the stack has 64 bits
for each) and on ARM. Windows passes them in the same way.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir
from numba import config, types
from numba.extending import intrinsic

from nnaccel_kernels.cpu.runtime.address import address_of
from nnaccel_kernels.cpu.runtime.kernel import kernel

_WORDS = 8
_i32, _i64 = ir.IntType(32), ir.IntType(64)


@intrinsic
def _call(
    _context: Any, address: Any, a: Any, b: Any, c: Any, d: Any, e: Any, f: Any, g: Any, h: Any
) -> tuple[Any, Any]:
    """Call the C function `int f(...)` at `address`, which ignores those that it does not take."""

    def codegen(_context: Any, builder: Any, _sig: Any, args: Any) -> Any:
        kind = ir.FunctionType(_i32, [_i64] * _WORDS)
        function = builder.inttoptr(args[0], kind.as_pointer())
        return builder.sext(builder.call(function, list(args[1:])), _i64)

    return types.int64(*[types.int64] * (1 + _WORDS)), codegen


@kernel
def _call_row(rank, size, words, status, written, read):  # type: ignore[no-untyped-def]
    if status[0] == 0:
        status[0] = _call(
            words[0], words[1], words[2], words[3], words[4], words[5], words[6], words[7], words[8]
        )


def can_call() -> bool:
    """Whether there is compiled code to call from."""
    return not config.DISABLE_JIT


def call_c(address: int, arguments: tuple[int | np.ndarray, ...], status: np.ndarray) -> None:
    """Call the C function `int f(...)` at `address`, now or as a row of the tape being recorded.

    Parameters
    ----------
    address : int
    arguments : tuple of int or array
        At most eight; of an array its address, which must not change.
    status : array of one int64
        What the function returned; once it is not 0, no such row calls it again.
    """
    arrays = [a for a in arguments if isinstance(a, np.ndarray)]
    words = [address_of(a) if isinstance(a, np.ndarray) else a for a in arguments]
    row = np.array([w % 2**64 for w in (address, *words)], np.uint64).view(np.int64)
    row = np.concatenate([row, np.zeros(_WORDS - len(words), np.int64)])
    flat = [a.reshape(-1) for a in (arrays[0], arrays[-1])]  # rows of a tape keep their arrays
    _call_row(row, status, *flat)
