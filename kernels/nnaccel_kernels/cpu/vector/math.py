"""Elementary functions that LLVM vectorises, in float32 and float64.

Numba calls the C library for each element, which can cost more than the matrix product before.
These are polynomials and quotients of polynomials, right to a few units in the last place. Their
coefficients are minimax fits of the relative error: least squares at Chebyshev points in 60 digits,
weighted anew by the error itself (C. L. Lawson, 1961) until the largest no longer falls.
"""

from __future__ import annotations

import math
from typing import Any

from nnaccel_kernels.cpu.vector.formula import Number, formula

# ln(2) as a sum whose first part has few digits, so that multiples of it are exact.
_LN2_SINGLE = 0.693359375, -2.12194440e-4
_LN2_DOUBLE = 6.93147180369123816490e-1, 1.90821492927058770002e-10
# (e**r - 1 - r) / r**2 for |r| <= ln(2) / 2.
_EXP_SINGLE = (
    0.5, 0.16666666406010421, 0.04166636064219838, 0.0083333810359394553,
    0.0013940651772530685, 0.00019850373665117261,
)  # fmt: skip
_EXP_DOUBLE = (
    0.50000000000000053, 0.16666666666666586, 0.041666666666575832, 0.008333333333391012,
    0.0013888888931854812, 0.00019841269716556029, 2.4801504925578815e-5,
    2.7557409211317046e-6, 2.7626177952984312e-7, 2.5053409055827093e-8,
)  # fmt: skip
# (ln((1 + s) / (1 - s)) / s - 2) / t for t = s**2 <= 1 / 9.
_LOG_SINGLE = 0.66666414172723861, 0.40021619760115077, 0.28000606894478681, 0.28016798751467644
_LOG_DOUBLE = (
    0.66666666666666304, 0.40000000000156945, 0.28571428547896989, 0.2222222396698682,
    0.18181744021345033, 0.15386557889132594, 0.13300999990956358, 0.12105879673888967,
    0.083409948049498256, 0.17016935641990896,
)  # fmt: skip
# erf(x) / x - 1 in x**2, for x up to 1.25 or 1.
_SMALL_ERF_SINGLE = (
    0.12837916597064201, -0.3761263003885172, 0.11283675106205558, -0.026860253938037794,
    0.0052090325708561745, -0.00083397551802215889, 0.00010394859197240771,
    -7.5749405472924716e-6,
)  # fmt: skip
_SMALL_ERF_DOUBLE = (
    0.12837916709551257, -0.37612638903183519, 0.1128379167094419, -0.026866170643113308,
    0.005223977606139822, -0.00085483259305651632, 0.00012055293619505766,
    -1.4924713197306458e-5, 1.6447143348361978e-6, -1.6206408258810874e-7,
    1.3711403439337532e-8, -7.7802784354763248e-10,
)  # fmt: skip
# (1 - erf(x))**(-1 / 16), from 1.25 to where erf(x) rounds to 1.
_LARGE_ERF_SINGLE = (
    1.0011579665414943, 0.065961923324940105, 0.049791050311545307, 0.0026495041398427293,
    0.003449359871518464, -0.00060113601567215344, 0.00014026144257507786,
)  # fmt: skip
# exp(x**2) * (1 - erf(x)), from 1 to there, as a quotient.
_LARGE_ERF_DOUBLE = (
    1.0000007981874641, 1.1319285672233429, 0.63008034388465661, 0.18387246578777611,
    0.024293935430744994, -3.6116078760673669e-7,
), (
    1.0, 2.2603155455422993, 2.1805370303576568, 1.1363892275049253, 0.32613750743687067,
    0.04304219593496084,
)  # fmt: skip


def _reduce(x: Number, low: float, high: float) -> tuple[Number, Any]:
    """p, and bits that end with k, of e**x = 2**k * (1 + p), for x between low and high."""
    x = x.like(low).select(x < low, x)  # a NaN stays
    x = x.like(high).select(x > high, x)
    k, bits = x.rounded(1 / math.log(2))
    for part in _LN2_SINGLE if x.is_single else _LN2_DOUBLE:
        x = k.fused(-part, x)
    terms = x.polynomial(_EXP_SINGLE if x.is_single else _EXP_DOUBLE)
    return (x * x).fused(terms, x), bits


@formula(math.exp)
def exp(x: Number) -> Number:
    """e**x."""
    return _exp(x)


def _exp(x: Number) -> Number:
    p, bits = _reduce(x, *((-104, 89) if x.is_single else (-746, 710)))  # to 0 and infinity
    return (p + 1).times_power_of_two(bits)


@formula(math.expm1)
def expm1(x: Number) -> Number:
    """e**x - 1 for x at most 0, with all its digits for small x."""
    return _expm1(x)


def _expm1(x: Number) -> Number:
    p, bits = _reduce(x, -87 if x.is_single else -708, 0)
    scale = x.power_of_two(bits)
    return scale.fused(p, scale - 1)


@formula(math.tanh)
def tanh(x: Number) -> Number:
    """Hyperbolic tangent."""
    m = _expm1(abs(x) * -2)
    return (-m / (m + 2)).call("copysign", x)


@formula(math.log1p)
def log1p(x: Number) -> Number:
    """ln(1 + x) for x from 0 to 1."""
    s = x / (x + 2)
    t = s * s
    return (s * t).fused(t.polynomial(_LOG_SINGLE if x.is_single else _LOG_DOUBLE), s + s)


@formula(math.erf)
def erf(x: Number) -> Number:
    """Error function."""
    t, size = x * x, abs(x)
    edge = 1.25 if x.is_single else 1
    small = x.fused(t.polynomial(_SMALL_ERF_SINGLE if x.is_single else _SMALL_ERF_DOUBLE), x)
    if x.is_single:
        power = size.polynomial(_LARGE_ERF_SINGLE)
        for _ in range(4):
            power = power * power
        rest = x.like(1) / power
    else:
        above, below = _LARGE_ERF_DOUBLE
        most = x.like(6).select(size > 6, size)
        rest = _exp(-t) * most.polynomial(above) / most.polynomial(below)
    far = (x.like(1) - rest).call("copysign", x)
    return far.select(size > edge, small)


@formula(lambda x, y: x if x >= y or x != x else y)
def larger(x: Number, y: Number) -> Number:
    """The larger of x and y, or NaN if one is: a loop over it may go in lanes."""
    return x.call("maximum", y)
