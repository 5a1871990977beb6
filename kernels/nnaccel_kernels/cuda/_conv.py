"""Convolution of images (N, C, H, W) with filters (K, C/groups, R, S), and its gradients."""

from __future__ import annotations

from typing import Any

from nnaccel_kernels._window import Plan, Window
from nnaccel_kernels.cuda import _direct, _explicit, _gemm, _winograd

_ALGORITHMS = {"winograd": _winograd, "gemm": _gemm, "im2col": _explicit, "direct": _direct}
_WHY = {
    "winograd": "3x3 with stride 1: a quarter of the multiplications, in cuBLAS's products",
    "gemm": "a tiled matrix product that gathers its patches into shared memory",
    "im2col": "cuBLAS's product with columns of patches that are written out",
    "direct": "a thread for each sum of the definition: best where filters see one channel",
}


def conv2d_plan(
    direction: str,
    x_shape: tuple[int, ...],
    w_shape: tuple[int, ...],
    window: Window,
    groups: int,
    itemsize: int,
    algorithm: str,
    budget_bytes: int,
) -> Plan:
    """How a convolution or a gradient of it would be computed; ValueError if it cannot be so."""
    name = _resolve(algorithm, w_shape, window, groups)
    if algorithm == "auto" and name == "winograd":
        one = _winograd.workspace(direction, (1, *x_shape[1:]), w_shape, window, itemsize)
        name = name if one <= budget_bytes else "gemm"
    workspace = _ALGORITHMS[name].workspace(direction, x_shape, w_shape, window, itemsize)
    return Plan(name, workspace, _WHY[name])


def conv2d(
    x: Any,
    w: Any,
    b: Any,
    window: Window,
    groups: int,
    activation: str,
    alpha: float,
    algorithm: str,
    y: Any,
) -> None:
    """y = f(conv(x, w) + b) for the elementwise activation f; b may be None."""
    chosen = _ALGORITHMS[_resolve(algorithm, w.shape, window, groups)]
    chosen.forward(x, w, b, window, groups, activation, alpha, y)


def conv2d_input_gradient(
    dy: Any, w: Any, window: Window, groups: int, algorithm: str, dx: Any
) -> None:
    """dx = gradient of sum(dy * conv(x, w)) in x; also the transposed convolution of dy."""
    chosen = _ALGORITHMS[_resolve(algorithm, w.shape, window, groups)]
    chosen.input_gradient(dy, w, window, groups, dx)


def conv2d_weight_gradient(
    dy: Any, x: Any, window: Window, groups: int, algorithm: str, dw: Any
) -> None:
    """dw = gradient of sum(dy * conv(x, w)) in w."""
    chosen = _ALGORITHMS[_resolve(algorithm, dw.shape, window, groups)]
    chosen.weight_gradient(dy, x, window, groups, dw)


def _resolve(algorithm: str, w_shape: tuple[int, ...], window: Window, groups: int) -> str:
    """The algorithm that 'auto' is for such filters, or the one asked for."""
    if algorithm == "auto":
        if w_shape[1] == 1:
            return "direct"
        many = min(w_shape[:2]) >= _winograd.FEWEST
        return "winograd" if many and _winograd.fits(window, groups) else "gemm"
    if algorithm == "winograd" and not _winograd.fits(window, groups):
        raise ValueError(
            "algorithm 'winograd' is for 3x3 windows with stride 1, dilation 1 and one group: use "
            "'gemm', 'im2col', 'direct' or 'auto'"
        )
    return algorithm
