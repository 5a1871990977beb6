"""Elementary functions that LLVM can vectorise.

Numba calls the C library for each element, which can cost more than the matrix product before. In
float32 these functions are polynomials after a range reduction, exact to a few units in the last
place. In float64 they are the C library's.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.extending import intrinsic, overload

_f = np.float32
_ONE, _TWO = _f(1), _f(2)
_LOG2_E = _f(1.4426950408889634)
_ROUNDER = _f(12582912.0)  # 1.5 * 2**23: adding it leaves no fraction bits
_LN2_HIGH, _LN2_LOW = _f(0.693359375), _f(-2.12194440e-4)
_LOW, _HIGH = _f(-104.0), _f(89.0)  # beyond them e**x is 0 or infinite
# Minimax polynomial of (e**r - 1 - r) / r**2 on |r| <= ln(2) / 2.
_C0, _C1, _C2 = _f(1.9875691500e-4), _f(1.3981999507e-3), _f(8.3334519073e-3)
_C3, _C4, _C5 = _f(4.1665795894e-2), _f(1.6666665459e-1), _f(0.5)


@intrinsic
def _power_of_two(_context: Any, exponent: Any) -> tuple[Any, Any]:
    """2**exponent as float32, made of the exponent's bits."""

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


@njit(nogil=True, inline="always")
def _reduce(x):  # type: ignore[no-untyped-def]
    """k and p of e**x = 2**k * (1 + p), for float32 x that is not NaN."""
    x = x if x > _LOW else _LOW
    x = x if x < _HIGH else _HIGH
    k = (x * _LOG2_E + _ROUNDER) - _ROUNDER
    r = x - k * _LN2_HIGH - k * _LN2_LOW
    p = ((((_C0 * r + _C1) * r + _C2) * r + _C3) * r + _C4) * r + _C5
    return types.int32(k), p * r * r + r


@overload(exp)
def _exp(x):  # type: ignore[no-untyped-def]
    if x != types.float32:
        return _exp_of_library

    def impl(x):  # type: ignore[no-untyped-def]
        k, p = _reduce(x)
        half = k >> 1  # 2**k may overflow where e**x does not
        result = (p + _ONE) * _power_of_two(half) * _power_of_two(k - half)
        return result if x == x else x

    return impl


@overload(tanh)
def _tanh(x):  # type: ignore[no-untyped-def]
    if x != types.float32:
        return _tanh_of_library

    def impl(x):  # type: ignore[no-untyped-def]
        # By m = e**(-2|x|) - 1, which keeps its digits for small x.
        k, p = _reduce(-_TWO * abs(x))
        scale = _power_of_two(max(k, types.int32(-126)))
        m = scale * p + (scale - _ONE)
        size = -m / (m + _TWO)
        result = size if x >= 0 else -size
        return result if x == x else x

    return impl


def _exp_of_library(x):  # type: ignore[no-untyped-def]
    return math.exp(x)


def _tanh_of_library(x):  # type: ignore[no-untyped-def]
    return math.tanh(x)
