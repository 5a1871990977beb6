"""Implicit GEMM for 1x1 windows: products with the pixels as they lie, in either memory layout."""

from __future__ import annotations

from types import ModuleType

import numpy as np

from nnaccel_kernels.cpu.conv import gemm, planes
from nnaccel_kernels.cpu.conv.gemm import workspace_size
from nnaccel_kernels.cpu.matmul.epilogue import Epilogue
from nnaccel_kernels.window import Window

__all__ = ["forward", "input_gradient", "weight_gradient", "workspace_size"]


def forward(
    x: np.ndarray, w: np.ndarray, epilogue: Epilogue, window: Window, groups: int, y: np.ndarray
) -> None:
    """y = f(conv2d(x, w) + b), where `epilogue` holds f and b."""
    _for_layout(x).forward(x, w, epilogue, window, groups, y)


def input_gradient(
    dy: np.ndarray, w: np.ndarray, window: Window, groups: int, dx: np.ndarray
) -> None:
    """dx of conv2d."""
    _for_layout(dx).input_gradient(dy, w, window, groups, dx)


def weight_gradient(
    dy: np.ndarray, x: np.ndarray, window: Window, groups: int, dw: np.ndarray
) -> None:
    """dw of conv2d."""
    _for_layout(x).weight_gradient(dy, x, window, groups, dw)


def _for_layout(image: np.ndarray) -> ModuleType:
    """Planes where each channel is one; else bands, which are the channels-last image itself."""
    return planes if image.flags.c_contiguous else gemm
