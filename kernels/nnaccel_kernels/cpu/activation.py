"""Elementwise activations, forward and backward."""

from __future__ import annotations

import math

import numpy as np
from numba import carray
from numba.extending import register_jitable

from nnaccel_kernels.activations import (
    ACTIVATIONS,
    GELU_CUBE,
    GELU_SLOPE,
    SELU_ALPHA,
    SELU_SCALE,
)
from nnaccel_kernels.cpu.runtime.kernel import kernel
from nnaccel_kernels.cpu.runtime.linked import linked
from nnaccel_kernels.cpu.runtime.sharing import part, threads_for
from nnaccel_kernels.cpu.vector.math import erf, exp, expm1, larger, log1p, tanh

__all__ = ["activate", "activate_backward"]

_LINEAR, _RELU, _SIGMOID, _TANH, _LEAKY, _ELU, _SOFTPLUS, _GELU = range(8)
_SWISH, _MISH, _SELU, _HARD_SWISH, _GELU_TANH = range(8, len(ACTIVATIONS))
_BLOCK = 512  # elements that stay in the L1 cache
_WORK = 20.0  # about the floating-point operations in one exponential


@register_jitable
def apply_activation(code, alpha, y):  # type: ignore[no-untyped-def]
    """y = f(y).

    What is selected is not what is loaded, but that and 0. Else LLVM would leave out the stores
    that change nothing, by a mask, which takes some processors ten times as long.
    """
    zero, one, half = y.dtype.type(0), y.dtype.type(1), y.dtype.type(0.5)
    slope = y.dtype.type(alpha)
    if code == _RELU:
        for i in range(y.size):
            y[i] = larger(y[i] + zero, zero)
    elif code == _SIGMOID:
        for i in range(y.size):
            y[i] = one / (one + exp(-y[i]))
    elif code == _TANH:
        for i in range(y.size):
            y[i] = tanh(y[i])
    elif code == _SWISH:
        for i in range(y.size):
            y[i] = y[i] / (one + exp(-y[i]))
    elif code == _MISH:
        for i in range(y.size):
            n, rest, _ = _mish_parts(y[i])
            y[i] = y[i] * (n / rest)
    elif code == _SELU:
        scale, low = y.dtype.type(SELU_SCALE), y.dtype.type(SELU_SCALE * SELU_ALPHA)
        for i in range(y.size):
            v = y[i] + zero
            y[i] = low * expm1(v) if v < zero else v * scale
    elif code == _HARD_SWISH:
        three, six = y.dtype.type(3), y.dtype.type(6)
        for i in range(y.size):
            gate = y[i] + three
            gate = zero if gate < zero else gate
            gate = six if gate > six else gate
            y[i] = y[i] * gate / six
    elif code == _LEAKY:
        for i in range(y.size):
            v = y[i] + zero
            y[i] = v * slope if v < zero else v
    elif code == _ELU:
        for i in range(y.size):
            v = y[i] + zero
            y[i] = slope * expm1(v) if v < zero else v
    elif code == _SOFTPLUS:
        for i in range(y.size):
            v = y[i]
            y[i] = (zero if v < zero else v) + log1p(exp(-abs(v)))
    elif code == _GELU:
        scale = y.dtype.type(math.sqrt(0.5))
        for i in range(y.size):
            y[i] = half * y[i] * (one + erf(y[i] * scale))
    elif code == _GELU_TANH:
        linear, cubic = y.dtype.type(GELU_SLOPE), y.dtype.type(GELU_CUBE)
        for i in range(y.size):
            y[i] = y[i] / (one + exp(-y[i] * (linear + cubic * y[i] * y[i])))


def _span_in_python(count, code, alpha, y, at):  # type: ignore[no-untyped-def]
    """`_span` without the JIT."""
    apply_activation(code, alpha, y.reshape(-1)[at : at + count])


@linked("iifp", _span_in_python)
def _span(count, code, alpha, y):  # type: ignore[no-untyped-def]
    """y = f(y) for `count` elements."""
    apply_activation(code, alpha, carray(y, count))


@register_jitable
def _mish_parts(v):  # type: ignore[no-untyped-def]
    """Numerator and denominator of tanh(softplus(v)), and e**v; v above 40 counts as 40."""
    kind = type(v)
    e = exp(v if v < kind(40) else kind(40))
    n = e * (e + kind(2))
    return n, n + kind(2), e


@register_jitable
def activate_span(code, alpha, y):  # type: ignore[no-untyped-def]
    """y = f(y) for a flat array."""
    if code:
        _span(y.size, code, alpha, y, 0)


@kernel
def _activate(rank, size, code, alpha, x, y):  # type: ignore[no-untyped-def]
    x, y = part(x, rank, size), part(y, rank, size)
    if code == _RELU:  # in one pass: it waits for memory, not for arithmetic
        zero = y.dtype.type(0)
        for i in range(y.size):
            y[i] = larger(x[i] + zero, zero)
        return
    for start in range(0, y.size, _BLOCK):
        source, block = x[start : start + _BLOCK], y[start : start + _BLOCK]
        for i in range(block.size):  # not memcpy, which some processors do in microcode
            block[i] = source[i]
        activate_span(code, alpha[0], block)


@kernel
def _relu_backward(rank, size, dy, y, dx):  # type: ignore[no-untyped-def]
    zero = dy.dtype.type(0)
    dy, y, dx = part(dy, rank, size), part(y, rank, size), part(dx, rank, size)
    for i in range(dy.size):
        dx[i] = dy[i] if y[i] > zero else zero


@kernel
def _activate_backward(rank, size, code, alpha, dy, x, y, dx):  # type: ignore[no-untyped-def]
    zero, one, half = dy.dtype.type(0), dy.dtype.type(1), dy.dtype.type(0.5)
    slope = dy.dtype.type(alpha[0])
    dy = part(dy, rank, size)
    dx = part(dx, rank, size)
    x = part(x, rank, size)
    y = part(y, rank, size)
    if code == _LINEAR:
        for i in range(dy.size):
            dx[i] = dy[i]
    elif code == _SIGMOID:
        for i in range(dy.size):
            dx[i] = dy[i] * (y[i] * (one - y[i]))
    elif code == _TANH:
        for i in range(dy.size):
            dx[i] = dy[i] * (one - y[i] * y[i])
    elif code == _SWISH:
        for i in range(dy.size):
            gate = one / (one + exp(-x[i]))
            dx[i] = dy[i] * (gate * (one + x[i] * (one - gate)))
    elif code == _MISH:
        four = dy.dtype.type(4)
        for i in range(dy.size):
            n, rest, e = _mish_parts(x[i])
            dx[i] = dy[i] * (n / rest + x[i] * (four * (e / rest) * ((e + one) / rest)))
    elif code == _SELU:
        scale, low = dy.dtype.type(SELU_SCALE), dy.dtype.type(SELU_SCALE * SELU_ALPHA)
        for i in range(dy.size):
            dx[i] = dy[i] * (scale if y[i] > zero else y[i] + low)
    elif code == _HARD_SWISH:
        three = dy.dtype.type(3)
        for i in range(dy.size):
            inside = x[i] / three + half if x[i] > -three else zero
            dx[i] = dy[i] * (inside if x[i] < three else one)
    elif code == _LEAKY:
        for i in range(dy.size):
            dx[i] = dy[i] if y[i] > zero else dy[i] * slope
    elif code == _ELU:
        for i in range(dy.size):
            dx[i] = dy[i] if y[i] > zero else dy[i] * (y[i] + slope)
    elif code == _SOFTPLUS:
        for i in range(dy.size):
            dx[i] = dy[i] * -expm1(-y[i])
    elif code == _GELU:
        scale, peak = dy.dtype.type(math.sqrt(0.5)), dy.dtype.type(1 / math.sqrt(2 * math.pi))
        for i in range(dy.size):
            density = peak * exp(-half * x[i] * x[i])
            dx[i] = dy[i] * (half * (one + erf(x[i] * scale)) + x[i] * density)
    elif code == _GELU_TANH:
        linear, cubic = dy.dtype.type(GELU_SLOPE), dy.dtype.type(GELU_CUBE)
        three = dy.dtype.type(3)
        for i in range(dy.size):
            gate = one / (one + exp(-x[i] * (linear + cubic * x[i] * x[i])))
            bend = gate * (one - gate) * x[i]  # 0 where squares of x overflow
            dx[i] = dy[i] * (gate + linear * bend + three * cubic * bend * x[i] * x[i])


def activate(name: str, alpha: float, x: np.ndarray, y: np.ndarray) -> None:
    """y = f(x) elementwise, for the activation f of this name."""
    code, width = ACTIVATIONS.index(name), threads_for(x.size * _WORK)
    _activate(code, np.array([alpha]), x.reshape(-1), y.reshape(-1), width=width)


def activate_backward(
    name: str, alpha: float, dy: np.ndarray, x: np.ndarray, y: np.ndarray, dx: np.ndarray
) -> None:
    """dx = dy * f'(x): from y = f(x) for those in `FROM_OUTPUT`, from x for others."""
    code, width = ACTIVATIONS.index(name), threads_for(dy.size * _WORK)
    dy, x, y, dx = (array.reshape(-1) for array in (dy, x, y, dx))
    if code == _RELU:  # alone, for it is asked for most and compiled in no time
        _relu_backward(dy, y, dx, width=width)
    else:
        _activate_backward(code, np.array([alpha]), dy, x, y, dx, width=width)
