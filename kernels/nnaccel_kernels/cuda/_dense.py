"""The dense layer: cuBLAS's products, and kernels for what stands around them."""

from __future__ import annotations

from typing import Any

from nnaccel_kernels.cuda._blas import matmul
from nnaccel_kernels.cuda._channels import bias_activate, sum_channels
from nnaccel_kernels.cuda._elementwise import activate
from nnaccel_kernels.cuda._namespace import namespace_of


def linear(x: Any, w: Any, b: Any, activation: str, alpha: float, y: Any) -> None:
    """y = f(x @ w + b) for the elementwise activation f."""
    matmul(x, _as(w, x), y)
    if b is not None or activation != "linear":
        bias_activate(_as_image(y), b, activation, alpha)


def linear_backward(dy: Any, x: Any, w: Any, dx: Any, dw: Any, db: Any) -> None:
    """Gradients of sum(dy * (x @ w + b)), those that are not None."""
    if dx is not None:
        matmul(dy, _as(w, dy).T, dx)
    if dw is not None:
        matmul(x.T, dy, dw)
    if db is not None:
        sum_channels(_as_image(dy), db)


def _as(w: Any, x: Any) -> Any:
    """Weights in the dtype of what they are multiplied with."""
    if w.dtype == x.dtype:
        return w
    rounded = namespace_of(w).empty(w.shape, x.dtype)
    activate("linear", 0.0, w, rounded)
    return rounded


def _as_image(rows: Any) -> Any:
    """A matrix as images of one pixel, whose channels are its columns."""
    return rows.reshape(*rows.shape, 1, 1)
