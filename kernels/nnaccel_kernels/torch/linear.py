"""Dense layer by PyTorch's products, so by BLAS, oneDNN or cuBLAS."""

from __future__ import annotations

from typing import Any

import torch

from nnaccel_kernels.torch.activation import activate
from nnaccel_kernels.torch.half import factor

__all__ = ["linear", "linear_backward"]


def linear(x: Any, w: Any, b: Any, activation: str, alpha: float, y: Any) -> None:
    """y = f(x @ w + b) for the elementwise activation f; b may be None."""
    x, w = factor(x, y), factor(w, y)
    if b is None:
        _multiply(x, w, y)
    elif x.dtype is y.dtype:
        torch.addmm(b.to(y.dtype), x, w, out=y)
    else:
        y.copy_(torch.addmm(b.to(x.dtype), x, w))
    if activation != "linear":
        activate(activation, alpha, y, y)


def linear_backward(dy: Any, x: Any, w: Any, dx: Any, dw: Any, db: Any) -> None:
    """Gradients of sum(dy * (x @ w + b)); those that are None are left out."""
    if db is not None:
        torch.sum(dy, 0, dtype=db.dtype, out=db)
    dy, x = factor(dy, dy), factor(x, dy)
    if dx is not None:
        _multiply(dy, factor(w, dx).T, dx)
    if dw is not None:
        _multiply(x.T, dy, dw)


def _multiply(a: Any, b: Any, out: Any) -> None:
    if a.dtype is out.dtype:
        torch.mm(a, b, out=out)
    else:
        out.copy_(torch.mm(a, b))
