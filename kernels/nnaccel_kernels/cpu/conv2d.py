"""Convolution: which algorithm computes it, and what that needs."""

from __future__ import annotations

import math
from functools import lru_cache
from types import ModuleType

import numpy as np

from nnaccel_kernels.cpu.conv import direct, gemm, im2col, planes, winograd
from nnaccel_kernels.cpu.conv.shape import Problem
from nnaccel_kernels.cpu.conv.winograd_tiles import FEWEST
from nnaccel_kernels.cpu.matmul.epilogue import ending
from nnaccel_kernels.cpu.runtime.tape import at_once
from nnaccel_kernels.cpu.runtime.thread_pool import thread_pool
from nnaccel_kernels.window import ConvolutionPlan, Window

__all__ = ["conv2d", "conv2d_input_gradient", "conv2d_plan", "conv2d_weight_gradient"]

_FRUGAL = {"winograd": "gemm", "gemm": "direct"}  # what to do where room is short
_TYPICAL = 2  # threads that a choice counts with: results shall not depend on how many there are
_FEW = 16  # elements: rows of taps shorter than this are gathered into planes
_ALGORITHMS = {"direct": direct, "gemm": gemm, "im2col": im2col, "winograd": winograd}


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
    """y = f(x convolved with w, plus b) for the elementwise activation f."""
    module = _module(algorithm, w.shape, window, x.flags.c_contiguous)
    end = ending(b, activation, alpha, y.dtype)
    at_once(module.forward, x, w, end, window, groups, y)


def conv2d_input_gradient(
    dy: np.ndarray, w: np.ndarray, window: Window, groups: int, algorithm: str, dx: np.ndarray
) -> None:
    """dx of sum(dy * conv2d(x, w))."""
    module = _module(algorithm, w.shape, window, dx.flags.c_contiguous)
    at_once(module.input_gradient, dy, w, window, groups, dx)


def conv2d_weight_gradient(
    dy: np.ndarray, x: np.ndarray, window: Window, groups: int, algorithm: str, dw: np.ndarray
) -> None:
    """dw of sum(dy * conv2d(x, w))."""
    module = _module(algorithm, dw.shape, window, x.flags.c_contiguous)
    at_once(module.weight_gradient, dy, x, window, groups, dw)


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
    """Choose the algorithm: a rule of shapes alone.

    One channel a group goes direct, for there is nothing to multiply as matrices. 3x3 windows of
    stride 1 with channels enough go to Winograd; the rest to implicit GEMM. What exceeds the
    budget goes to the next of Winograd, GEMM and direct.

    Raises
    ------
    ValueError
        If the algorithm asked for cannot do this.
    """
    problem = Problem(direction, x_shape, w_shape, window, groups, itemsize)
    return _plan(problem, algorithm, budget_bytes, thread_pool().size)


@lru_cache(maxsize=1024)
def _plan(problem: Problem, algorithm: str, budget_bytes: int, threads: int) -> ConvolutionPlan:
    if algorithm == "auto":
        algorithm, why = _choose(problem, budget_bytes)
    else:
        why = "because it was asked for"
        if algorithm == "winograd":
            _require_winograd(problem.window, problem.groups)
        need = _workspace(algorithm, problem, _TYPICAL)
        if need > budget_bytes and algorithm != "im2col":  # which is known to take much
            raise ValueError(
                f"algorithm {algorithm!r} needs {need:,} bytes of workspace, more than the "
                f"{budget_bytes:,} allowed: set NNACCEL_WORKSPACE_MB, or leave it to 'auto'"
            )
    return ConvolutionPlan(algorithm, _workspace(algorithm, problem, threads), why)


def _choose(problem: Problem, budget_bytes: int) -> tuple[str, str]:
    """The algorithm that shapes and budget call for, whatever the number of threads; and why."""
    name, why = _rule(problem)
    while name in _FRUGAL:
        need = _workspace(name, problem, _TYPICAL)
        if need <= budget_bytes or need <= _workspace(_FRUGAL[name], problem, _TYPICAL):
            break
        why = f"{name} would take {need:,} bytes, more than the {budget_bytes:,} allowed"
        name = _FRUGAL[name]
    return name, why


def _rule(problem: Problem) -> tuple[str, str]:
    """The algorithm that is fastest for these shapes, and why."""
    direction, _, w_shape, window, groups, _ = problem
    filters, channels = w_shape[0] // groups, w_shape[1]
    if channels == 1 and groups > 1:
        return "direct", "one channel a group: no matrices to multiply"
    if _is_winograd(window, groups) and channels >= FEWEST and filters >= FEWEST:
        return "winograd", "3x3 with stride 1: a quarter of the multiplications"
    if _is_pointwise(window):
        return "gemm", "1x1: matrix products with the pixels as they lie"
    if _is_thin(w_shape, window, False):
        return "gemm", "matrix products with a plane of pixels for each tap: few taps"
    if direction == "input_gradient":
        return "gemm", "matrix products that give patches, which are added up"
    return "gemm", "matrix products with patches, a band of rows at a time"


def _is_winograd(window: Window, groups: int) -> bool:
    size, stride, _, dilation = window
    return (size, stride, dilation, groups) == ((3, 3), (1, 1), (1, 1), 1)


def _require_winograd(window: Window, groups: int) -> None:
    if not _is_winograd(window, groups):
        (r, s), (down, across), _, (high, wide) = window
        raise ValueError(
            "algorithm 'winograd' is for 3x3 windows with stride 1, dilation 1 and one group; "
            f"this one is {r}x{s} with stride ({down}, {across}), dilation ({high}, {wide}) and "
            f"{groups} groups: use 'auto' or 'gemm'"
        )


def _is_pointwise(window: Window) -> bool:
    return window.kernel_size == window.stride == (1, 1) and not any(window.padding)


def _is_thin(w_shape: tuple[int, ...], window: Window, in_order: bool) -> bool:
    """Whether implicit GEMM works with planes rather than bands."""
    return w_shape[1] * w_shape[3] < _FEW or (in_order and _is_pointwise(window))


def _module(algorithm: str, w_shape: tuple[int, ...], window: Window, in_order: bool) -> ModuleType:
    """What computes an algorithm, over images that are in C order or not."""
    if algorithm == "gemm" and _is_thin(w_shape, window, in_order):
        return planes
    return _ALGORITHMS[algorithm]


def _workspace(algorithm: str, problem: Problem, threads: int) -> int:
    """Bytes that an algorithm takes besides arguments and results."""
    if algorithm == "im2col":
        taps, ys = math.prod(problem.window.kernel_size), problem.ys
        pixels = ys.batch * ys.height * ys.width
        return pixels * problem.xs.channels * taps * problem.itemsize
    module = _module(algorithm, problem.w_shape, problem.window, False)  # C order takes less
    words: int = module.workspace(problem, threads)
    return words * problem.itemsize
