"""The dense layer."""

from __future__ import annotations

from typing import Any

import numpy as np

from nnaccel_kernels.reference.activation import activate

__all__ = ["linear", "linear_backward"]


def linear(x: Any, w: Any, b: Any, activation: str, alpha: float, y: Any) -> None:
    """y = f(x @ w + b) for the elementwise activation f."""
    np.matmul(x, w, out=y)
    if b is not None:
        y += b
    if activation != "linear":
        activate(activation, alpha, y, y)


def linear_backward(dy: Any, x: Any, w: Any, dx: Any, dw: Any, db: Any) -> None:
    """Gradients of sum(dy * (x @ w + b)), those that are not None."""
    if dx is not None:
        np.matmul(dy, w.T, out=dx)
    if dw is not None:
        np.matmul(x.T, dy, out=dw)
    if db is not None:
        np.sum(dy, axis=0, out=db)
