"""Convolution of images (N, C, H, W) with filters (K, C/groups, R, S), and its gradients.

The algorithm 'auto' is chosen by autotuning on the device when a shape first comes.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache, partial
from typing import Any

from nnaccel_kernels.cuda.conv import direct, gemm, im2col, winograd
from nnaccel_kernels.cuda.runtime.autotune import autotune, sample_input
from nnaccel_kernels.half import wide_bytes
from nnaccel_kernels.window import ConvolutionPlan, Window

__all__ = ["conv2d", "conv2d_input_gradient", "conv2d_plan", "conv2d_weight_gradient"]

_ALGORITHMS = {"winograd": winograd, "gemm": gemm, "im2col": im2col, "direct": direct}
_REASONS = {
    "winograd": "3x3 with stride 1: a quarter of the multiplications; outliers reach 4x4 tiles",
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
    measure: bool = False,
) -> ConvolutionPlan:
    """How a convolution or its gradient is computed; ValueError if the algorithm cannot do it.

    'auto' is the fastest of the candidates, timed on the device if `measure` is true and saved on
    disk; without it the plan may be 'auto'.
    """
    problem = direction, x_shape, w_shape, window
    name = _resolve(algorithm, w_shape, window, groups)
    why = _REASONS[name]
    if algorithm == "auto" and 0 not in x_shape:
        names = _candidates(problem, groups, itemsize, budget_bytes)
        name = name if name in names else "gemm"
        runs = partial(_candidate_runs, problem, groups, itemsize, names) if measure else None
        choice = autotune((*problem, groups, itemsize, names), runs)
        if choice is None and not measure:
            workspace = max(_ALGORITHMS[each].workspace(*problem, itemsize) for each in names)
            return ConvolutionPlan("auto", workspace, "measured at the first call")
        name, why = choice or (name, _REASONS[name])
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
    """The default algorithm for 'auto', or the given one."""
    if algorithm == "auto":
        if w_shape[1] == 1:
            return "direct"
        suits = winograd.supports(window, groups) and min(w_shape[:2]) >= winograd.MIN_CHANNELS
        return "winograd" if suits else "gemm"
    if algorithm == "winograd" and not winograd.supports(window, groups):
        raise ValueError(
            "algorithm 'winograd' is for 3x3 windows with stride 1, dilation 1 and one group: use "
            "'gemm', 'im2col', 'direct' or 'auto'"
        )
    return algorithm


@lru_cache(1024)
def _candidates(problem: Any, groups: int, itemsize: int, budget_bytes: int) -> tuple[str, ...]:
    """Algorithms to measure: their workspace for one image fits the budget."""
    direction, x_shape, w_shape, window = problem
    one_image = direction, (1, *x_shape[1:]), w_shape, window, itemsize
    names = ["gemm"]
    if w_shape[1] == 1:
        names.append("direct")
    if winograd.supports(window, groups) and min(w_shape[:2]) >= winograd.MIN_CHANNELS:
        names.append("winograd")
    if groups == 1:
        names.append("im2col")
    return tuple(
        name for name in names if _ALGORITHMS[name].workspace(*one_image) <= max(budget_bytes, 0)
    ) or ("gemm",)


def _candidate_runs(
    problem: Any, groups: int, itemsize: int, names: tuple[str, ...], cupy: Any
) -> dict[str, Callable[[], None]]:
    """The named algorithms on sample images, channels-last."""
    direction, (n, c, height, width), w_shape, window = problem
    dtype = f"f{itemsize}"
    x = sample_input(cupy, (n, height, width, c), dtype).transpose(0, 3, 1, 2)
    rows, columns = window.output_size(height, width)
    y = sample_input(cupy, (n, rows, columns, w_shape[0]), dtype).transpose(0, 3, 1, 2)
    w = sample_input(cupy, w_shape, f"f{wide_bytes(itemsize)}")  # weights never have 16 bits

    def run_of(name: str) -> Callable[[], None]:
        module = _ALGORITHMS[name]
        if direction == "forward":
            return lambda: module.forward(x, w, None, window, groups, "linear", 0.0, y)
        if direction == "input_gradient":
            return lambda: module.input_gradient(y, w, window, groups, x)
        return lambda: module.weight_gradient(y, x, window, groups, w)

    return {name: run_of(name) for name in names}
