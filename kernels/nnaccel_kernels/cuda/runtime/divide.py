"""Division of indices by a number that is known when a kernel is launched, as a multiplication.

Source of the method: Granlund and Montgomery, Division by invariant integers using multiplication,
PLDI 1994.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from llvmlite import ir
from numba import int32

from nnaccel_kernels.cuda.runtime.emit import emitted, types
from nnaccel_kernels.cuda.runtime.index import device


class Divisor(NamedTuple):
    """A divisor of non-negative 32-bit integers.

    Attributes
    ----------
    size, shift : numpy.int32
    multiplier : numpy.uint32
        2**(31 + shift) / size, rounded up.
    """

    size: np.int32
    multiplier: np.uint32
    shift: np.int32


def divisor(size: int) -> Divisor:
    """The divisor of a size; 1 for 0, since an index below 0 items is never divided."""
    size = max(size, 1)
    shift = (size - 1).bit_length()
    return Divisor(np.int32(size), np.uint32(-(-(1 << 31 + shift) // size)), np.int32(shift))


def _plain_quotient(index, multiplier, shift):  # type: ignore[no-untyped-def]
    return int(index) * int(multiplier) >> 31 + int(shift)


@emitted(_plain_quotient)
def _quotient(typing, index, multiplier, shift):  # type: ignore[no-untyped-def]
    """The upper half of a 64-bit product, shifted."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        word, double = ir.IntType(32), ir.IntType(64)
        index = builder.trunc(args[0], word) if args[0].type == double else args[0]
        doubled = builder.zext(builder.shl(index, word(1)), double)
        product = builder.mul(doubled, builder.zext(args[1], double))
        high = builder.trunc(builder.lshr(product, double(32)), word)
        return builder.lshr(high, args[2])

    return types.int32(index, multiplier, shift), generate


@device
def divide(index, by):  # type: ignore[no-untyped-def]
    """Quotient and remainder of an index."""
    quotient = _quotient(index, by.multiplier, by.shift)
    return quotient, int32(index - quotient * by.size)
