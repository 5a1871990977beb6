"""Elementwise activations, forward and backward."""

from __future__ import annotations

import math
from typing import Any

from nnaccel_kernels.activations import GELU_CUBE, GELU_SLOPE, SELU_ALPHA, SELU_SCALE
from nnaccel_kernels.reference.namespace import array_like, namespace

__all__ = ["activate", "activate_backward"]


def activate(name: str, alpha: float, x: Any, y: Any) -> None:
    """y = f(x) elementwise, for the activation f of that name."""
    xp = namespace(x)
    if name == "linear":
        y[...] = x
    elif name == "relu":
        y[...] = xp.maximum(x, 0)
    elif name == "sigmoid":
        y[...] = _sigmoid(x)
    elif name == "tanh":
        y[...] = xp.tanh(x)
    elif name == "leaky_relu":
        y[...] = xp.where(x < 0, x * alpha, x)
    elif name == "elu":
        y[...] = xp.where(x < 0, alpha * xp.expm1(xp.minimum(x, 0)), x)
    elif name == "softplus":
        y[...] = xp.maximum(x, 0) + xp.log1p(xp.exp(-xp.abs(x)))
    elif name == "gelu":
        y[...] = x * _normal_cdf(x)
    elif name == "swish":
        y[...] = x * _sigmoid(x)
    elif name == "mish":
        y[...] = x * _mish_gate(x)[0]
    elif name == "selu":
        y[...] = SELU_SCALE * xp.where(x < 0, SELU_ALPHA * xp.expm1(xp.minimum(x, 0)), x)
    elif name == "hard_swish":
        y[...] = x * xp.clip(x + 3, 0, 6) / 6
    elif name == "gelu_tanh":
        y[...] = x * _sigmoid(x * (GELU_SLOPE + GELU_CUBE * x * x))


def activate_backward(name: str, alpha: float, dy: Any, x: Any, y: Any, dx: Any) -> None:
    """dx = dy * f'(x), computed from y for those in `FROM_OUTPUT`, from x for others."""
    xp = namespace(dy)
    if name == "linear":
        dx[...] = dy
    elif name == "relu":
        dx[...] = xp.where(y > 0, dy, 0)
    elif name == "sigmoid":
        dx[...] = dy * (y * (1 - y))
    elif name == "tanh":
        dx[...] = dy * (1 - y * y)
    elif name == "leaky_relu":
        dx[...] = xp.where(y > 0, dy, dy * alpha)
    elif name == "elu":
        dx[...] = xp.where(y > 0, dy, dy * (y + alpha))
    elif name == "softplus":
        dx[...] = dy * -xp.expm1(-y)
    elif name == "gelu":
        density = xp.exp(-0.5 * x * x) / math.sqrt(2 * math.pi)
        dx[...] = dy * (_normal_cdf(x) + x * density)
    elif name == "swish":
        dx[...] = dy * _sigmoid(x) * (1 + x * _sigmoid(-x))
    elif name == "mish":
        gate, slope = _mish_gate(x)
        dx[...] = dy * (gate + x * slope)
    elif name == "selu":
        dx[...] = dy * xp.where(y > 0, SELU_SCALE, y + SELU_SCALE * SELU_ALPHA)
    elif name == "hard_swish":
        inside = xp.where(x > -3, x / 3 + 0.5, 0)
        dx[...] = dy * xp.where(x < 3, inside, 1)
    elif name == "gelu_tanh":
        z = x * (GELU_SLOPE + GELU_CUBE * x * x)
        gate = _sigmoid(z)
        bend = gate * _sigmoid(-z) * x  # 0 where squares of x overflow
        dx[...] = dy * (gate + GELU_SLOPE * bend + 3 * GELU_CUBE * bend * x * x)


def _sigmoid(x: Any) -> Any:
    """1 / (1 + exp(-x)), without overflow."""
    xp = namespace(x)
    e = xp.exp(-xp.abs(x))
    return xp.where(x >= 0, 1 / (1 + e), e / (1 + e))


def _mish_gate(x: Any) -> tuple[Any, Any]:
    """tanh(softplus(x)), a quotient of exponentials, and its derivative."""
    xp = namespace(x)
    e = xp.exp(xp.minimum(x, 40))  # beyond which the gate is 1
    n = e * (e + 2)
    return n / (n + 2), 4 * (e / (n + 2)) * ((e + 1) / (n + 2))


def _normal_cdf(x: Any) -> Any:
    """Distribution function of the standard normal."""
    return 0.5 * (1 + _erf(x * math.sqrt(0.5)))


def _erf(x: Any) -> Any:
    """Error function, which the array API standard does not have."""
    xp = namespace(x)
    if hasattr(xp, "erf"):
        return xp.erf(x)
    values = [math.erf(v) for v in xp.reshape(x, (-1,))]
    return xp.reshape(array_like(x, values, x.dtype), x.shape)
