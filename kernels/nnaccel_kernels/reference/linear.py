"""Dense layer: matrix product, bias and activation."""

from __future__ import annotations

from typing import Any

from nnaccel_kernels.reference.activation import activate
from nnaccel_kernels.reference.namespace import matmul, namespace

__all__ = ["linear", "linear_backward"]


def linear(x: Any, w: Any, b: Any, activation: str, alpha: float, y: Any) -> None:
    """y = f(x @ w + b) for the elementwise activation f; b may be None."""
    matmul(x, w, y)
    if b is not None:
        y += b
    if activation != "linear":
        activate(activation, alpha, y, y)


def linear_backward(dy: Any, x: Any, w: Any, dx: Any, dw: Any, db: Any) -> None:
    """Gradients of sum(dy * (x @ w + b)); those that are None are left out."""
    if dx is not None:
        matmul(dy, w.T, dx)
    if dw is not None:
        matmul(x.T, dy, dw)
    if db is not None:
        db[...] = namespace(dy).sum(dy, axis=0)
