"""Weight penalties and gradient clipping."""

from __future__ import annotations

import math

import numpy as np

from nnaccel_kernels.cpu.runtime.kernel import kernel
from nnaccel_kernels.cpu.runtime.sharing import part, share, threads_for
from nnaccel_kernels.cpu.vector.runs import in_lanes

__all__ = ["add_penalty", "clip_norm", "clip_value", "penalty"]

_CHUNK = 4096  # elements with a sum of squares of their own: sums do not depend on the threads


@in_lanes
def _sum_of_squares(a):  # type: ignore[no-untyped-def]
    total = 0.0
    for i in range(a.size):
        v = np.float64(a[i])  # float() would leave it a float32
        total += v * v
    return total


@in_lanes
def _sum_of_absolutes(a):  # type: ignore[no-untyped-def]
    total = 0.0
    for i in range(a.size):
        total += abs(a[i])
    return total


@kernel
def _add_penalty(rank, size, w, l1, l2, dw):  # type: ignore[no-untyped-def]
    zero = w.dtype.type(0)
    a, b = w.dtype.type(l1[0]), w.dtype.type(2.0 * l2[0])
    w, dw = part(w, rank, size), part(dw, rank, size)
    for i in range(w.size):
        sign = a if w[i] > zero else (-a if w[i] < zero else zero)
        dw[i] += sign + b * w[i]


@kernel
def _penalty(rank, size, w, l1, l2, total):  # type: ignore[no-untyped-def]
    total[0] += l1[0] * _sum_of_absolutes(w) + l2[0] * _sum_of_squares(w)


@kernel
def _clip_value(rank, size, g, limit):  # type: ignore[no-untyped-def]
    high = g.dtype.type(limit[0])
    g = part(g, rank, size)
    for i in range(g.size):
        v = high if g[i] > high else g[i]
        g[i] = -high if v < -high else v


@kernel
def _square_sums(rank, size, g, sums):  # type: ignore[no-untyped-def]
    lo, hi = share(sums.size, rank, size)
    for chunk in range(lo, hi):
        sums[chunk] = _sum_of_squares(g[chunk * _CHUNK : (chunk + 1) * _CHUNK])


@kernel
def _clip_norm(rank, size, g, limit, sums):  # type: ignore[no-untyped-def]
    total = 0.0
    for chunk in range(sums.size):
        total += sums[chunk]
    norm = math.sqrt(total)
    if norm > limit[0]:
        factor = g.dtype.type(limit[0] / norm)
        g = part(g, rank, size)
        for i in range(g.size):
            g[i] *= factor


def add_penalty(w: np.ndarray, l1: float, l2: float, dw: np.ndarray) -> None:
    """dw += gradient of l1 * sum|w| + l2 * sum(w**2), for flat arrays."""
    _add_penalty(w, np.array([l1]), np.array([l2]), dw, width=threads_for(w.size * 4.0))


def penalty(w: np.ndarray, l1: float, l2: float, total: np.ndarray) -> None:
    """total[0] += l1 * sum|w| + l2 * sum(w**2), in double precision."""
    _penalty(w, np.array([l1]), np.array([l2]), total)


def clip_value(g: np.ndarray, limit: float) -> None:
    """Clip g elementwise to [-limit, limit], in place."""
    _clip_value(g, np.array([limit]), width=threads_for(g.size * 2.0))


def clip_norm(g: np.ndarray, limit: float) -> None:
    """Scale g, in place, to the Euclidean norm `limit` if its norm is larger."""
    sums = np.empty(-(-g.size // _CHUNK))
    width = threads_for(g.size * 2.0)
    _square_sums(g, sums, width=width)
    _clip_norm(g, np.array([limit]), sums, width=width)
