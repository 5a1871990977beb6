"""The dense layer: cuBLAS's products, and what stands around them.

A bias, ReLU after it, and the gradient of a bias come from kernels of ours, or with the product
from cuBLASLt: whichever was faster on the device when the shape first came. cuBLASLt adds no bias
of float32 to results of 16 bits.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from functools import partial
from typing import Any

from nnaccel_kernels.cuda.activation import activate
from nnaccel_kernels.cuda.channels import bias_activate, sum_channels
from nnaccel_kernels.cuda.runtime import epilogue
from nnaccel_kernels.cuda.runtime.autotune import fastest, numbers
from nnaccel_kernels.cuda.runtime.blas import matmul
from nnaccel_kernels.cuda.runtime.namespace import namespace_of

__all__ = ["linear", "linear_backward"]

_EPILOGUES = {"linear": epilogue.BIAS, "relu": epilogue.RELU_BIAS}

Way = Callable[..., None]


def linear(x: Any, w: Any, b: Any, activation: str, alpha: float, y: Any) -> None:
    """y = f(x @ w + b) for the elementwise activation f."""
    arrays, apart = (x, _as(w, x), y, b), partial(_linear, activation, alpha)
    if _adds(b, y) and activation in _EPILOGUES and y.size and w.size:
        together = partial(epilogue.matmul_with, _EPILOGUES[activation])
        _run_faster(f"linear, {activation}", apart, together, *arrays)
    else:
        apart(*arrays)


def linear_backward(dy: Any, x: Any, w: Any, dx: Any, dw: Any, db: Any) -> None:
    """Gradients of sum(dy * (x @ w + b)), those that are not None."""
    if dx is not None:
        matmul(dy, _as(w, dy).T, dx)
    if dw is not None and db is not None and dy.size and w.size:
        _run_faster("linear, dw and db", _gradients, _gradients_together, x, dy, dw, db)
    else:
        _gradients(x, dy, dw, db)


def _adds(b: Any, y: Any) -> bool:
    """Whether cuBLASLt can add such a bias."""
    return b is not None and b.dtype == y.dtype


def _linear(activation: str, alpha: float, x: Any, w: Any, y: Any, b: Any) -> None:
    matmul(x, w, y)
    if b is not None or activation != "linear":
        bias_activate(_as_image(y), b, activation, alpha)


def _gradients(x: Any, dy: Any, dw: Any, db: Any) -> None:
    if dw is not None:
        matmul(x.T, dy, dw)
    if db is not None:
        sum_channels(_as_image(dy), db)


def _gradients_together(x: Any, dy: Any, dw: Any, db: Any) -> None:
    epilogue.matmul_with(epilogue.BIAS_GRADIENT, x.T, dy, dw, db)


def _run_faster(what: str, apart: Way, together: Way, *arrays: Any) -> None:
    """Run the faster of two ways on arrays like these; the first where that cannot be told."""
    ways = {"cuBLAS and a kernel": apart, "cuBLASLt": together}
    kind = what, *((a.shape, a.dtype.name) for a in arrays)
    won = fastest(kind, partial(_on_own, ways, arrays))
    if won and ways[won[0]] is together:
        with contextlib.suppress(NotImplementedError):  # arrays that lie as none did in the race
            together(*arrays)
            return
    apart(*arrays)


def _on_own(ways: dict[str, Way], arrays: tuple[Any, ...], cupy: Any) -> dict[str, Way]:
    """Those ways on other arrays of the same shapes."""
    own = [numbers(cupy, a.shape, a.dtype) for a in arrays]
    return {name: partial(way, *own) for name, way in ways.items()}


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
