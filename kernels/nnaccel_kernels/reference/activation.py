"""Elementwise activations, forward and backward."""

from __future__ import annotations

import math
from typing import Any

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
        e = xp.exp(-xp.abs(x))
        y[...] = xp.where(x >= 0, 1 / (1 + e), e / (1 + e))
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


def activate_backward(name: str, alpha: float, dy: Any, x: Any, y: Any, dx: Any) -> None:
    """dx = dy * f'(x), computed from x for 'gelu', from y for all others."""
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
