"""Explicit im2col: the whole column matrix, and a 1x1 convolution of it."""

from __future__ import annotations

import math

import numpy as np

from nnaccel_kernels.cpu.conv import gemm, planes
from nnaccel_kernels.cpu.conv.shape import Problem
from nnaccel_kernels.cpu.im2col import col2im, im2col
from nnaccel_kernels.cpu.matmul.epilogue import Epilogue
from nnaccel_kernels.window import Window

_POINT = Window((1, 1))


def forward(
    x: np.ndarray, w: np.ndarray, epilogue: Epilogue, window: Window, groups: int, y: np.ndarray
) -> None:
    """y = f(conv2d(x, w) + b), where `epilogue` holds f and b."""
    columns = _columns(x.shape, window, y)
    im2col(x, _exact(window, x.shape, y), columns)
    images = _as_images(columns, y)
    planes.forward(images, _as_points(w), epilogue, _POINT, groups, y)


def input_gradient(
    dy: np.ndarray, w: np.ndarray, window: Window, groups: int, dx: np.ndarray
) -> None:
    """dx of conv2d."""
    columns = _columns(dx.shape, window, dy)
    gemm.input_gradient(dy, _as_points(w), _POINT, groups, _as_images(columns, dy))
    col2im(columns, _exact(window, dx.shape, dy), dx)


def weight_gradient(
    dy: np.ndarray, x: np.ndarray, window: Window, groups: int, dw: np.ndarray
) -> None:
    """dw of conv2d."""
    columns = _columns(x.shape, window, dy)
    im2col(x, _exact(window, x.shape, dy), columns)
    planes.weight_gradient(dy, _as_images(columns, dy), _POINT, groups, _as_points(dw))


def workspace_size(problem: Problem, threads: int) -> int:
    """Elements of the column matrix; products with it need none."""
    ys, taps = problem.ys, math.prod(problem.window.kernel_size)
    return ys.batch * ys.height * ys.width * problem.xs.channels * taps


def _columns(shape: tuple[int, ...], window: Window, y: np.ndarray) -> np.ndarray:
    """An array for the columns of images of a shape."""
    n, channels = shape[:2]
    return np.empty((n, channels * math.prod(window.kernel_size), math.prod(y.shape[2:])), y.dtype)


def _exact(window: Window, shape: tuple[int, ...], y: np.ndarray) -> Window:
    """The window, with padding after the image changed to give the positions of y."""
    (rows, cols), (top, _, left, _) = window.extent, window.padding
    bottom = (y.shape[2] - 1) * window.stride[0] + rows - shape[2] - top
    right = (y.shape[3] - 1) * window.stride[1] + cols - shape[3] - left
    return window._replace(padding=(top, bottom, left, right))


def _as_images(columns: np.ndarray, y: np.ndarray) -> np.ndarray:
    return columns.reshape(*columns.shape[:2], *y.shape[2:])


def _as_points(w: np.ndarray) -> np.ndarray:
    return w.reshape(len(w), math.prod(w.shape[1:]), 1, 1)
