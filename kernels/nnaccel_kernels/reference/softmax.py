"""Softmax and its logarithm over the rows of a matrix, forward and backward."""

from __future__ import annotations

from typing import Any

from nnaccel_kernels.reference.namespace import namespace

__all__ = ["log_softmax", "log_softmax_backward", "softmax", "softmax_backward"]


def softmax(x: Any, y: Any) -> None:
    """y = softmax of each row of x."""
    xp = namespace(x)
    y[...] = xp.exp(x - xp.max(x, axis=1, keepdims=True))
    y /= xp.sum(y, axis=1, keepdims=True)


def log_softmax(x: Any, y: Any) -> None:
    """y = log(softmax) of each row of x."""
    xp = namespace(x)
    y[...] = x - xp.max(x, axis=1, keepdims=True)
    y -= xp.log(xp.sum(xp.exp(y), axis=1, keepdims=True))


def softmax_backward(dy: Any, y: Any, dx: Any) -> None:
    """dx from dy and y = softmax(x)."""
    dx[...] = y * (dy - namespace(dy).sum(dy * y, axis=1, keepdims=True))


def log_softmax_backward(dy: Any, y: Any, dx: Any) -> None:
    """dx from dy and y = log_softmax(x)."""
    xp = namespace(dy)
    dx[...] = dy - xp.exp(y) * xp.sum(dy, axis=1, keepdims=True)
