"""Activations, forward and backward."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np

from nnaccel_kernels.activations import FROM_OUTPUT
from nnaccel_kernels.cuda.runtime.launch import scalar
from nnaccel_kernels.cuda.skeletons.activations import activation_function, activation_gradient
from nnaccel_kernels.cuda.skeletons.elementwise import ElementwiseKernel

__all__ = ["activate", "activate_backward"]


def activate(name: str, alpha: float, x: Any, y: Any) -> None:
    """y = f(x) elementwise, for the named activation f; x and y may differ in dtype."""
    _activate(name, x.dtype)((y.reshape(-1),), (x.reshape(-1),), scalar(alpha, x))


def activate_backward(name: str, alpha: float, dy: Any, x: Any, y: Any, dx: Any) -> None:
    """dx = dy * f'(x), from y for those in `FROM_OUTPUT`, from x for others."""
    source = y if name in FROM_OUTPUT else x
    flat = dy.reshape(-1), source.reshape(-1)
    _activate_backward(name, dy.dtype)((dx.reshape(-1),), flat, scalar(alpha, dy))


@cache
def _activate(name: str, dtype: np.dtype[Any]) -> ElementwiseKernel:
    f = activation_function(name, dtype)

    @ElementwiseKernel
    def activate(x, alpha):  # type: ignore[no-untyped-def]
        return f(x, alpha)

    return activate


@cache
def _activate_backward(name: str, dtype: np.dtype[Any]) -> ElementwiseKernel:
    gradient = activation_gradient(name, dtype)

    @ElementwiseKernel
    def activate_backward(dy, source, alpha):  # type: ignore[no-untyped-def]
        return gradient(dy, source, alpha)

    return activate_backward
