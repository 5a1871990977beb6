"""The dense layer: cuBLAS's matrix products, bias and activation.

Bias, ReLU and the gradient of the bias are kernels of our own after the product, or cuBLASLt's
epilogue within it. Autotuning takes the faster one when a shape first comes. cuBLASLt cannot add a
float32 bias to 16-bit results.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from functools import partial
from typing import Any

from nnaccel_kernels.cuda.activation import activate
from nnaccel_kernels.cuda.channels import as_pixels, bias_activate, sum_channels
from nnaccel_kernels.cuda.runtime import epilogue
from nnaccel_kernels.cuda.runtime.autotune import autotune, sample_input
from nnaccel_kernels.cuda.runtime.blas import matmul
from nnaccel_kernels.cuda.runtime.namespace import namespace_of

__all__ = ["linear", "linear_backward"]

_EPILOGUES = {"linear": epilogue.BIAS, "relu": epilogue.RELU_BIAS}

Run = Callable[..., None]


def linear(x: Any, w: Any, b: Any, activation: str, alpha: float, y: Any) -> None:
    """y = f(x @ w + b) for the elementwise activation f."""
    arrays, separate = (x, _cast(w, x), y, b), partial(_linear, activation, alpha)
    if _can_fuse(b, y) and activation in _EPILOGUES and y.size and w.size:
        fused = partial(epilogue.matmul_with_epilogue, _EPILOGUES[activation])
        _run_faster(f"linear, {activation}", separate, fused, *arrays)
    else:
        separate(*arrays)


def linear_backward(dy: Any, x: Any, w: Any, dx: Any, dw: Any, db: Any) -> None:
    """Gradients of sum(dy * (x @ w + b)), those that are not None."""
    if dx is not None:
        matmul(dy, _cast(w, dy).T, dx)
    if dw is not None and db is not None and dy.size and w.size:
        _run_faster("linear, dw and db", _gradients, _fused_gradients, x, dy, dw, db)
    else:
        _gradients(x, dy, dw, db)


def _can_fuse(b: Any, y: Any) -> bool:
    """Whether cuBLASLt can add the bias b to y."""
    return b is not None and b.dtype == y.dtype


def _linear(activation: str, alpha: float, x: Any, w: Any, y: Any, b: Any) -> None:
    matmul(x, w, y)
    if b is not None or activation != "linear":
        bias_activate(as_pixels(y), b, activation, alpha)


def _gradients(x: Any, dy: Any, dw: Any, db: Any) -> None:
    if dw is not None:
        matmul(x.T, dy, dw)
    if db is not None:
        sum_channels(as_pixels(dy), db)


def _fused_gradients(x: Any, dy: Any, dw: Any, db: Any) -> None:
    epilogue.matmul_with_epilogue(epilogue.BIAS_GRADIENT, x.T, dy, dw, db)


def _run_faster(name: str, separate: Run, fused: Run, *arrays: Any) -> None:
    """Run the faster one on the arrays; `separate` where nothing was measured."""
    runs = {"cuBLAS and a kernel": separate, "cuBLASLt": fused}
    problem = name, *((a.shape, a.dtype.name) for a in arrays)
    choice = autotune(problem, partial(_candidates, runs, arrays))
    if choice and runs[choice[0]] is fused:
        with contextlib.suppress(NotImplementedError):  # strides that were not measured
            fused(*arrays)
            return
    separate(*arrays)


def _candidates(runs: dict[str, Run], arrays: tuple[Any, ...], cupy: Any) -> dict[str, Run]:
    """The runs on sample arrays of the same shapes and dtypes."""
    samples = [sample_input(cupy, a.shape, a.dtype) for a in arrays]
    return {name: partial(run, *samples) for name, run in runs.items()}


def _cast(w: Any, x: Any) -> Any:
    """Weights in the dtype of x."""
    if w.dtype == x.dtype:
        return w
    rounded = namespace_of(w).empty(w.shape, x.dtype)
    activate("linear", 0.0, w, rounded)
    return rounded
