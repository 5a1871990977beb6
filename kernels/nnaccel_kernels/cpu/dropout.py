"""Dropout with a mask that is a function of (key, step, position), the same on every backend.

SplitMix64 [1]_ makes two words of key and step, and an element's random bits are those of a hash of
32 bits [2]_, which vectors compute, of its position and the words. So forward and backward share no
state, and threads need no generators of their own. Positions count modulo 2**32.

.. [1] G. L. Steele, D. Lea and C. H. Flood, "Fast splittable pseudorandom number generators",
   OOPSLA 2014.
.. [2] The constants are those of triple32: C. Wellons, "Prospecting for hash functions", 2018.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir
from numba import config, types
from numba.extending import intrinsic

from nnaccel_kernels.cpu.runtime.jit import njit
from nnaccel_kernels.cpu.runtime.kernel import kernel
from nnaccel_kernels.cpu.runtime.sharing import share, threads_for

__all__ = ["dropout"]

_GAMMA = np.uint64(0x9E3779B97F4A7C15)
_MIX1, _MIX2 = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)
_S27, _S30, _S31 = (np.uint64(s) for s in (27, 30, 31))
_SHIFTS, _LAST_SHIFT = (17, 11, 15), 14
_FACTORS = 0xED5AD4BB, 0xAC4C1B51, 0x31848BAB
_i32 = ir.IntType(32)


@njit(nogil=True, cache=True)
def _mix(z):  # type: ignore[no-untyped-def]
    z = (z ^ (z >> _S30)) * _MIX1
    z = (z ^ (z >> _S27)) * _MIX2
    return z ^ (z >> _S31)


def _bits_in_python(position: int, base: int) -> int:
    """`_bits` without the JIT."""
    half = 2**32 - 1
    low, high = int(base) & half, int(base) >> 32
    z = (position + low) & half
    for shift, factor, add in zip(_SHIFTS, _FACTORS, (high, 0, 0), strict=True):
        z = ((z ^ (z >> shift)) * factor & half) ^ add
    return (z ^ (z >> _LAST_SHIFT)) >> 8


@intrinsic
def _bits(typing, position, base):  # type: ignore[no-untyped-def]
    """24 random bits for a position.

    In words of 32 bits, as many as fit a vector; Numba's operators would widen them.
    """

    def codegen(context: Any, builder: ir.IRBuilder, signature: Any, args: Any) -> Any:
        def mixed(z: Any, shift: int) -> Any:
            return builder.xor(z, builder.lshr(z, _i32(shift)))

        low, high = (
            builder.trunc(word, _i32)
            for word in (args[1], builder.lshr(args[1], ir.Constant(args[1].type, 32)))
        )
        z = builder.add(builder.trunc(args[0], _i32), low)
        for shift, factor, add in zip(_SHIFTS, _FACTORS, (high, None, None), strict=True):
            z = builder.mul(mixed(z, shift), _i32(factor))
            z = z if add is None else builder.xor(z, add)
        return builder.lshr(mixed(z, _LAST_SHIFT), _i32(8))

    return types.int32(types.int64, types.uint64), codegen


if config.DISABLE_JIT:
    _bits = _bits_in_python


@kernel
def _dropout(rank, size, x, rate, key, step, first, y):  # type: ignore[no-untyped-def]
    zero, factor = x.dtype.type(0), x.dtype.type(1.0 / (1.0 - rate[0]))
    dropped = np.int32(rate[0] * 2.0**24)
    base = _mix(key[0] + np.uint64(step[0]) * _GAMMA)
    lo, hi = share(x.size, rank, size)
    x, y = x[lo:hi], y[lo:hi]
    for i in range(x.size):
        kept = x[i] * factor
        y[i] = kept if _bits(first + lo + i, base) >= dropped else zero


def dropout(
    x: np.ndarray, rate: float, key: np.ndarray, step: np.ndarray, first: int, y: np.ndarray
) -> None:
    """y = x / (1 - rate) for elements that the mask of (key, step) keeps, else 0.

    x begins at position `first`. Applied to dy with the same key and step it gives dx.
    """
    width = threads_for(x.size * 10.0)
    _dropout(x.reshape(-1), np.array([rate]), key, step, first, y.reshape(-1), width=width)
