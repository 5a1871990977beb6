"""Weight penalties and gradient clipping."""

from __future__ import annotations

import math
from functools import partial
from typing import Any

import numpy as np

from nnaccel_kernels.cuda.runtime.launch import scalar
from nnaccel_kernels.cuda.runtime.namespace import namespace_of
from nnaccel_kernels.cuda.skeletons.elementwise import ElementwiseKernel
from nnaccel_kernels.cuda.skeletons.reduction import ReductionKernel

__all__ = ["add_penalty", "clip_norm", "clip_value", "penalty"]


@ElementwiseKernel
def _add_penalty(dw, w, l1, twice_l2, zero):  # type: ignore[no-untyped-def]
    rise, fall = l1 if w > zero else zero, l1 if w < zero else zero
    return dw + (rise - fall + twice_l2 * w)


@ReductionKernel
def _penalty(i, args):  # type: ignore[no-untyped-def]
    w, l1, l2 = args
    v = np.float64(w[i])
    return l1 * abs(v) + l2 * v * v


@ElementwiseKernel
def _clip_value(g, limit):  # type: ignore[no-untyped-def]
    v = limit if g > limit else g
    return -limit if v < -limit else v


@ReductionKernel
def _square(i, args):  # type: ignore[no-untyped-def]
    v = np.float64(args[0][i])
    return v * v


def _norm_factor(count, outputs, numbers):  # type: ignore[no-untyped-def]
    square, limit = numbers
    norm = math.sqrt(square[0])
    factor = limit / norm if norm > limit else 1.0
    return count if norm > limit else 0, (outputs[0].dtype.type(factor),)


@partial(ElementwiseKernel, once=_norm_factor)
def _scale_to_norm(g, factor):  # type: ignore[no-untyped-def]
    return g * factor


def add_penalty(w: Any, l1: float, l2: float, dw: Any) -> None:
    """dw += gradient of l1 * sum|w| + l2 * sum(w**2), for flat arrays."""
    _add_penalty((dw,), (dw, w), scalar(l1, w), scalar(2 * l2, w), scalar(0, w))


def penalty(w: Any, l1: float, l2: float, total: Any) -> None:
    """total[0] += l1 * sum|w| + l2 * sum(w**2), in double precision."""
    _penalty(w.size, total, w, l1, l2)


def clip_value(g: Any, limit: float) -> None:
    """Clip g elementwise to [-limit, limit], in place."""
    _clip_value((g,), (g,), scalar(limit, g))


def clip_norm(g: Any, limit: float) -> None:
    """Scale g, in place, down to Euclidean norm `limit` if its norm is larger."""
    square = namespace_of(g).zeros(1, np.float64)
    _square(g.size, square, g)
    _scale_to_norm((g,), (g,), square, float(limit))
