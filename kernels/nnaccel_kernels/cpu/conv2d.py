"""Convolution: the choice of an implementation, and the calls of it."""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np

from nnaccel_kernels.cpu.conv import direct, gemm, im2col, planes, pointwise, winograd
from nnaccel_kernels.cpu.conv.shape import Problem
from nnaccel_kernels.cpu.conv.winograd_tiles import (
    MAX_PRODUCTS,
    MIN_CHANNELS,
    MIN_POSITIONS,
    MIN_POSITIONS_FORWARD,
    MIN_POSITIONS_IN_IMAGE,
    MIN_POSITIONS_KEPT,
    POINTS,
    tile_of,
)
from nnaccel_kernels.cpu.matmul.epilogue import epilogue_of
from nnaccel_kernels.cpu.matmul.kept_weights import keeps_weights
from nnaccel_kernels.cpu.runtime.tape import at_once
from nnaccel_kernels.cpu.runtime.thread_pool import thread_pool
from nnaccel_kernels.window import ConvolutionPlan, Window

__all__ = ["conv2d", "conv2d_input_gradient", "conv2d_plan", "conv2d_weight_gradient"]

_IMPLEMENTATIONS = {
    "direct": direct,
    "gemm": gemm,
    "gemm-planes": planes,
    "gemm-pointwise": pointwise,
    "im2col": im2col,
    "winograd": winograd,
}
_WINOGRAD = {  # reasons, by the size of the window
    (3, 3): "3x3 with stride 1: a quarter of the multiplications; outliers reach 4x4 tiles",
    (5, 5): "5x5 with stride 1: 36 multiplications, not 100; outliers reach 2x2 tiles",
}
_THREADS = 2  # assumed by the choice: results must not depend on how many there are
_SHORT = 16  # elements: rows of taps with fewer are gathered into planes


def conv2d(
    x: np.ndarray,
    w: np.ndarray,
    b: np.ndarray | None,
    window: Window,
    groups: int,
    activation: str,
    alpha: float,
    algorithm: str,
    y: np.ndarray,
) -> None:
    """y = f(conv(x, w) + b) for the elementwise activation f; `algorithm` is that of a plan."""
    epilogue = epilogue_of(b, activation, alpha, y.dtype)
    at_once(_IMPLEMENTATIONS[algorithm].forward, x, w, epilogue, window, groups, y)


def conv2d_input_gradient(
    dy: np.ndarray, w: np.ndarray, window: Window, groups: int, algorithm: str, dx: np.ndarray
) -> None:
    """dx of sum(dy * conv(x, w))."""
    at_once(_IMPLEMENTATIONS[algorithm].input_gradient, dy, w, window, groups, dx)


def conv2d_weight_gradient(
    dy: np.ndarray, x: np.ndarray, window: Window, groups: int, algorithm: str, dw: np.ndarray
) -> None:
    """dw of sum(dy * conv(x, w))."""
    at_once(_IMPLEMENTATIONS[algorithm].weight_gradient, dy, x, window, groups, dw)


def conv2d_plan(
    direction: str,
    x_shape: tuple[int, int, int, int],
    w_shape: tuple[int, int, int, int],
    window: Window,
    groups: int,
    itemsize: int,
    algorithm: str,
    budget_bytes: int,
    measure: bool = False,
) -> ConvolutionPlan:
    """Choose the implementation by a rule of shapes, and of whether packed weights are kept.

    One channel a group goes to direct convolution, which has no matrices to multiply. 3x3 and 5x5
    windows of stride 1 with enough channels go to Winograd, all else to implicit GEMM, which has
    three implementations. What exceeds the budget goes to the next of Winograd, GEMM and direct.

    Raises
    ------
    ValueError
        If the algorithm asked for cannot compute this, or exceeds the budget.
    """
    transformed = math.prod(w_shape[:2]) * POINTS  # by Winograd's algorithm
    kept = keeps_weights((math.prod(w_shape) + transformed) * itemsize)
    problem = Problem(direction, x_shape, w_shape, window, groups, itemsize, kept)
    return _plan(problem, algorithm, budget_bytes, thread_pool().size)


@lru_cache(maxsize=1024)
def _plan(problem: Problem, algorithm: str, budget_bytes: int, threads: int) -> ConvolutionPlan:
    if algorithm == "auto":
        name, why = _choose(problem, budget_bytes)
    else:
        name, why = algorithm, "because it was asked for"
        if algorithm == "gemm":
            name, _ = _gemm(problem)
        elif algorithm == "winograd":
            _require_winograd(problem.window, problem.groups)
        need = _workspace_bytes(name, problem, _THREADS)
        if need > budget_bytes and algorithm != "im2col":  # which is known to take much
            raise ValueError(
                f"algorithm {algorithm!r} needs {need:,} bytes of workspace, more than the "
                f"{budget_bytes:,} allowed: set NNACCEL_WORKSPACE_MB, or leave it to 'auto'"
            )
    return ConvolutionPlan(name, _workspace_bytes(name, problem, threads), why)


def _choose(problem: Problem, budget_bytes: int) -> tuple[str, str]:
    """The fastest implementation within the budget, or the leanest; and why."""
    name, why = _fastest(problem)
    while name != "direct":
        leaner = _gemm(problem)[0] if name == "winograd" else "direct"
        need = _workspace_bytes(name, problem, _THREADS)
        if need <= budget_bytes or need <= _workspace_bytes(leaner, problem, _THREADS):
            break
        why = f"{name} would take {need:,} bytes, more than the {budget_bytes:,} allowed"
        name = leaner
    return name, why


def _fastest(problem: Problem) -> tuple[str, str]:
    """The implementation that is fastest for these shapes, and why."""
    if problem.w_shape[1] == 1 and problem.groups > 1:
        return "direct", "one channel a group: no matrices to multiply"
    if _is_winograd(problem.window, problem.groups) and _pays(problem):
        return "winograd", _WINOGRAD[problem.window.kernel_size]
    return _gemm(problem)


def _gemm(problem: Problem) -> tuple[str, str]:
    """The implementation of implicit GEMM that is fastest for these shapes, and why."""
    (_, channels, _, across), window = problem.w_shape, problem.window
    if channels * across < _SHORT:
        return "gemm-planes", "few taps: matrix products with a plane of pixels for each"
    if window.kernel_size == window.stride == (1, 1) and not any(window.padding):
        return "gemm-pointwise", "1x1: matrix products with the pixels as they lie"
    if problem.direction == "input_gradient":
        return "gemm", "matrix products that give patches, which are added up"
    return "gemm", "matrix products with patches, a band of rows at a time"


def _pays(problem: Problem) -> bool:
    """Whether Winograd's transforms take less time than they save."""
    filters, channels, ys = *problem.w_shape[:2], problem.ys
    in_image = ys.height * ys.width
    least = MIN_POSITIONS
    if problem.direction == "forward":
        least = MIN_POSITIONS_KEPT if problem.is_kept else MIN_POSITIONS_FORWARD
    enough = ys.batch * in_image >= least and in_image >= MIN_POSITIONS_IN_IMAGE
    # The gradient of images without padding has more pixels than the window has positions.
    result, taps = problem.xs if problem.direction == "input_gradient" else ys, problem.w_shape[2]
    products = result.height * result.width * POINTS / tile_of(taps) ** 2
    few = products <= MAX_PRODUCTS * in_image * taps**2
    return min(channels, filters) >= MIN_CHANNELS and enough and few


def _is_winograd(window: Window, groups: int) -> bool:
    size, stride, _, dilation = window
    return size in _WINOGRAD and (stride, dilation, groups) == ((1, 1), (1, 1), 1)


def _require_winograd(window: Window, groups: int) -> None:
    if not _is_winograd(window, groups):
        (r, s), (down, across), _, (high, wide) = window
        raise ValueError(
            "algorithm 'winograd' is for 3x3 or 5x5 windows with stride 1, dilation 1 and one "
            f"group; this one is {r}x{s} with stride ({down}, {across}), dilation ({high}, {wide}) "
            f"and {groups} groups: use 'auto' or 'gemm'"
        )


def _workspace_bytes(name: str, problem: Problem, threads: int) -> int:
    """Bytes that an implementation takes besides arguments and results."""
    elements: int = _IMPLEMENTATIONS[name].workspace_size(problem, threads)
    return elements * problem.itemsize
