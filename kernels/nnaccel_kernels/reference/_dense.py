"""The dense layer."""

from __future__ import annotations

from typing import Any

from nnaccel_kernels.reference._activation import activate
from nnaccel_kernels.reference._namespace import namespace_of


def linear(x: Any, w: Any, b: Any, activation: str, alpha: float, y: Any) -> None:
    """y = f(x @ w + b) for the elementwise activation f."""
    namespace_of(x).matmul(x, w, out=y)
    if b is not None:
        y += b
    if activation != "linear":
        activate(activation, alpha, y, y)


def linear_backward(dy: Any, x: Any, w: Any, dx: Any, dw: Any, db: Any) -> None:
    """Gradients of sum(dy * (x @ w + b)), those that are not None."""
    xp = namespace_of(x)
    if dx is not None:
        xp.matmul(dy, w.T, out=dx)
    if dw is not None:
        xp.matmul(x.T, dy, out=dw)
    if db is not None:
        xp.sum(dy, axis=0, out=db)
