"""Elementary functions that LLVM can turn into vector code.

Numba calls the C library once an element, which costs more than a thin matrix product. In float32
these are polynomials after a range reduction, right to a few units in the last place; in float64
they are the C library's.
"""

from __future__ import annotations

import math
from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic, overload

_LOG2_E = 1.4426950408889634
_ROUNDER = 12582912.0  # 1.5 * 2**23: adding it leaves no fraction bits
_LN2_HIGH, _LN2_LOW = 0.693359375, -2.12194440e-4
_TANH_SERIES = 0.3  # below it the quotient of exponentials would cancel


@intrinsic
def _power_of_two(_context: Any, exponent: Any) -> tuple[Any, Any]:
    """2**exponent as float32, by writing the exponent's bits."""

    def codegen(_context: Any, builder: Any, _sig: Any, args: Any) -> Any:
        i32 = ir.IntType(32)
        bits = builder.shl(builder.add(args[0], i32(127)), i32(23))
        return builder.bitcast(bits, ir.FloatType())

    return types.float32(types.int32), codegen


def exp(x: float) -> float:
    """Return e**x."""
    return math.exp(x)


def tanh(x: float) -> float:
    """Hyperbolic tangent."""
    return math.tanh(x)


@overload(exp)
def _exp(x):  # type: ignore[no-untyped-def]
    if x != types.float32:
        return _exp_of_library
    f, i = types.float32, types.int32
    low, high, log2_e, rounder = f(-104.0), f(89.0), f(_LOG2_E), f(_ROUNDER)
    ln2_high, ln2_low, one, two = f(_LN2_HIGH), f(_LN2_LOW), f(1.0), f(2.0)
    # Minimax polynomial of (e**r - 1 - r) / r**2 on |r| <= ln(2) / 2.
    c0, c1, c2 = f(1.9875691500e-4), f(1.3981999507e-3), f(8.3334519073e-3)
    c3, c4, c5 = f(4.1665795894e-2), f(1.6666665459e-1), f(0.5)

    def impl(x):  # type: ignore[no-untyped-def]
        y = x if x > low else low
        y = y if y < high else high
        k = (y * log2_e + rounder) - rounder
        r = y - k * ln2_high - k * ln2_low
        p = ((((c0 * r + c1) * r + c2) * r + c3) * r + c4) * r + c5
        k = k - one if k > f(-126.0) else f(-127.0)
        result = (p * r * r + r + one) * _power_of_two(i(k)) * two
        return result if x == x else x

    return impl


@overload(tanh)
def _tanh(x):  # type: ignore[no-untyped-def]
    if x != types.float32:
        return _tanh_of_library
    f = types.float32
    zero, one, two, edge = f(0.0), f(1.0), f(2.0), f(_TANH_SERIES)
    a, b, c, d = f(-1 / 3), f(2 / 15), f(-17 / 315), f(62 / 2835)

    def impl(x):  # type: ignore[no-untyped-def]
        t = exp(-two * abs(x))
        s = x * x
        near = abs(x) * (one + s * (a + s * (b + s * (c + s * d))))
        size = near if abs(x) < edge else (one - t) / (one + t)
        return size if x >= zero else -size

    return impl


def _exp_of_library(x):  # type: ignore[no-untyped-def]
    return math.exp(x)


def _tanh_of_library(x):  # type: ignore[no-untyped-def]
    return math.tanh(x)
