"""Elementwise activations and softmax, forward and backward."""

from __future__ import annotations

import math
from importlib import import_module
from typing import Any

import numpy as np

from nnaccel_kernels.reference._namespace import namespace_of


def activate(name: str, alpha: float, x: Any, y: Any) -> None:
    """y = f(x) elementwise, for f of that name."""
    xp = namespace_of(x)
    if name == "linear":
        y[...] = x
    elif name == "relu":
        xp.maximum(x, 0, out=y)
    elif name == "sigmoid":
        e = xp.exp(-xp.abs(x))
        y[...] = xp.where(x >= 0, 1 / (1 + e), e / (1 + e))
    elif name == "tanh":
        xp.tanh(x, out=y)
    elif name == "leaky_relu":
        y[...] = xp.where(x < 0, x * alpha, x)
    elif name == "elu":
        y[...] = xp.where(x < 0, alpha * xp.expm1(xp.minimum(x, 0)), x)
    elif name == "softplus":
        y[...] = xp.maximum(x, 0) + xp.log1p(xp.exp(-xp.abs(x)))
    elif name == "gelu":
        y[...] = x * _normal_cdf(x)


def activate_backward(name: str, alpha: float, dy: Any, x: Any, y: Any, dx: Any) -> None:
    """dx = dy * f'(x); only 'gelu' looks at x, the others at y."""
    xp = namespace_of(dy)
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


def softmax(x: Any, y: Any) -> None:
    """y = softmax of each row of x."""
    xp = namespace_of(x)
    xp.exp(x - x.max(axis=1, keepdims=True), out=y)
    y /= y.sum(axis=1, keepdims=True)


def log_softmax(x: Any, y: Any) -> None:
    """y = log(softmax) of each row of x."""
    xp = namespace_of(x)
    xp.subtract(x, x.max(axis=1, keepdims=True), out=y)
    y -= xp.log(xp.exp(y).sum(axis=1, keepdims=True))


def softmax_backward(dy: Any, y: Any, dx: Any) -> None:
    """dx from dy and y = softmax(x)."""
    dx[...] = y * (dy - (dy * y).sum(axis=1, keepdims=True))


def log_softmax_backward(dy: Any, y: Any, dx: Any) -> None:
    """dx from dy and y = log_softmax(x)."""
    xp = namespace_of(dy)
    dx[...] = dy - xp.exp(y) * dy.sum(axis=1, keepdims=True)


def _normal_cdf(x: Any) -> Any:
    """Distribution function of the standard normal."""
    if namespace_of(x) is np:
        erf: Any = np.vectorize(math.erf, otypes=[x.dtype])
    else:
        erf = import_module("cupyx.scipy.special").erf
    return 0.5 * (1 + erf(x * math.sqrt(0.5)))
