"""Padding as PyTorch's own: columns first, negative numbers crop."""

from __future__ import annotations

from typing import Any

from torch.nn.functional import pad

from nnaccel_kernels.window import Window


def padded(x: Any, window: Window, value: float = 0.0) -> Any:
    """Images with the window's padding around them."""
    top, bottom, left, right = window.padding
    return pad(x, (left, right, top, bottom), value=value) if any(window.padding) else x


def cropped(x: Any, window: Window) -> Any:
    """The adjoint of `padded`: images without the padding."""
    top, bottom, left, right = window.padding
    return pad(x, (-left, -right, -top, -bottom)) if any(window.padding) else x


def padded_shape(shape: tuple[int, ...], window: Window) -> tuple[int, ...]:
    """Shape of images (N, C, H, W) with the window's padding around them."""
    n, c, height, width = shape
    top, bottom, left, right = window.padding
    return n, c, height + top + bottom, width + left + right
