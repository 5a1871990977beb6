"""Convolution of images (N, C, H, W) with filters (K, C/groups, R, S), and its gradients.

Left to 'auto', the algorithm is the one that was fastest on the device when the shape first came.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache, partial
from typing import Any

from nnaccel_kernels.cuda.conv import direct, gemm, im2col, winograd
from nnaccel_kernels.cuda.runtime.autotune import fastest, numbers
from nnaccel_kernels.half import wide_bytes
from nnaccel_kernels.window import ConvolutionPlan, Window

__all__ = ["conv2d", "conv2d_input_gradient", "conv2d_plan", "conv2d_weight_gradient"]

_ALGORITHMS = {"winograd": winograd, "gemm": gemm, "im2col": im2col, "direct": direct}
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
) -> ConvolutionPlan:
    """How a convolution or a gradient of it would be computed; ValueError if it cannot be so."""
    problem = direction, x_shape, w_shape, window
    name = _resolve(algorithm, w_shape, window, groups)
    why = _WHY[name]
    if algorithm == "auto" and 0 not in x_shape:
        able = _able(problem, groups, itemsize, budget_bytes)
        name = name if name in able else "gemm"
        ways = partial(_ways, problem, groups, itemsize, able)
        name, why = fastest((*problem, groups, itemsize, able), ways) or (name, _WHY[name])
    return ConvolutionPlan(name, _ALGORITHMS[name].workspace(*problem, itemsize), why)


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
        many = min(w_shape[:2]) >= winograd.FEWEST
        return "winograd" if many and winograd.fits(window, groups) else "gemm"
    if algorithm == "winograd" and not winograd.fits(window, groups):
        raise ValueError(
            "algorithm 'winograd' is for 3x3 windows with stride 1, dilation 1 and one group: use "
            "'gemm', 'im2col', 'direct' or 'auto'"
        )
    return algorithm


@lru_cache(1024)
def _able(problem: Any, groups: int, itemsize: int, budget_bytes: int) -> tuple[str, ...]:
    """Algorithms that may be the fastest, with room for an image's workspace at least."""
    direction, x_shape, w_shape, window = problem
    few = direction, (1, *x_shape[1:]), w_shape, window, itemsize
    names = ["gemm"]
    if w_shape[1] == 1:
        names.append("direct")
    if winograd.fits(window, groups) and min(w_shape[:2]) >= winograd.FEWEST:
        names.append("winograd")
    if groups == 1:
        names.append("im2col")
    return tuple(
        name for name in names if _ALGORITHMS[name].workspace(*few) <= max(budget_bytes, 0)
    ) or ("gemm",)


def _ways(
    problem: Any, groups: int, itemsize: int, able: tuple[str, ...], cupy: Any
) -> dict[str, Callable[[], None]]:
    """Each of those algorithms, on images of those sizes, channels-last."""
    direction, (n, c, height, width), w_shape, window = problem
    kind = f"f{itemsize}"
    x = numbers(cupy, (n, height, width, c), kind).transpose(0, 3, 1, 2)
    rows, columns = window.output_size(height, width)
    y = numbers(cupy, (n, rows, columns, w_shape[0]), kind).transpose(0, 3, 1, 2)
    w = numbers(cupy, w_shape, f"f{wide_bytes(itemsize)}")  # parameters are never of 16 bits

    def way(name: str) -> Callable[[], None]:
        module = _ALGORITHMS[name]
        if direction == "forward":
            return lambda: module.forward(x, w, None, window, groups, "linear", 0.0, y)
        if direction == "input_gradient":
            return lambda: module.input_gradient(y, w, window, groups, x)
        return lambda: module.weight_gradient(y, x, window, groups, w)

    return {name: way(name) for name in able}
