"""Elementwise activations and softmax, forward and backward."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

__all__ = [
    "activate",
    "activate_backward",
    "log_softmax",
    "log_softmax_backward",
    "softmax",
    "softmax_backward",
]


def activate(name: str, alpha: float, x: Any, y: Any) -> None:
    """y = f(x) elementwise, for f of that name."""
    if name == "linear":
        y[...] = x
    elif name == "relu":
        np.maximum(x, 0, out=y)
    elif name == "sigmoid":
        e = np.exp(-np.abs(x))
        y[...] = np.where(x >= 0, 1 / (1 + e), e / (1 + e))
    elif name == "tanh":
        np.tanh(x, out=y)
    elif name == "leaky_relu":
        y[...] = np.where(x < 0, x * alpha, x)
    elif name == "elu":
        y[...] = np.where(x < 0, alpha * np.expm1(np.minimum(x, 0)), x)
    elif name == "softplus":
        y[...] = np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x)))
    elif name == "gelu":
        y[...] = x * _normal_cdf(x)


def activate_backward(name: str, alpha: float, dy: Any, x: Any, y: Any, dx: Any) -> None:
    """dx = dy * f'(x); only 'gelu' looks at x, the others at y."""
    if name == "linear":
        dx[...] = dy
    elif name == "relu":
        dx[...] = np.where(y > 0, dy, 0)
    elif name == "sigmoid":
        dx[...] = dy * (y * (1 - y))
    elif name == "tanh":
        dx[...] = dy * (1 - y * y)
    elif name == "leaky_relu":
        dx[...] = np.where(y > 0, dy, dy * alpha)
    elif name == "elu":
        dx[...] = np.where(y > 0, dy, dy * (y + alpha))
    elif name == "softplus":
        dx[...] = dy * -np.expm1(-y)
    elif name == "gelu":
        density = np.exp(-0.5 * x * x) / math.sqrt(2 * math.pi)
        dx[...] = dy * (_normal_cdf(x) + x * density)


def softmax(x: Any, y: Any) -> None:
    """y = softmax of each row of x."""
    np.exp(x - x.max(axis=1, keepdims=True), out=y)
    y /= y.sum(axis=1, keepdims=True)


def log_softmax(x: Any, y: Any) -> None:
    """y = log(softmax) of each row of x."""
    np.subtract(x, x.max(axis=1, keepdims=True), out=y)
    y -= np.log(np.exp(y).sum(axis=1, keepdims=True))


def softmax_backward(dy: Any, y: Any, dx: Any) -> None:
    """dx from dy and y = softmax(x)."""
    dx[...] = y * (dy - (dy * y).sum(axis=1, keepdims=True))


def log_softmax_backward(dy: Any, y: Any, dx: Any) -> None:
    """dx from dy and y = log_softmax(x)."""
    dx[...] = dy - np.exp(y) * dy.sum(axis=1, keepdims=True)


def _normal_cdf(x: Any) -> Any:
    """Distribution function of the standard normal."""
    erf: Any = np.vectorize(math.erf, otypes=[x.dtype])
    return 0.5 * (1 + erf(x * math.sqrt(0.5)))
