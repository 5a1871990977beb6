"""Padding that leaves as many positions of a window as are wanted; negative numbers crop."""

from __future__ import annotations

from typing import Any

from torch.nn.functional import pad

from nnaccel_kernels.window import Window

Sides = tuple[int, int, int, int]


def sides(window: Window, image: tuple[int, ...], positions: tuple[int, ...]) -> Sides:
    """What to add left, right, above and below images, given shapes that end with rows, columns.

    Left and above it is the window's padding; right and below as much as the last position takes.
    """
    (top, _, left, _), (down, across), (rows, columns) = window[2], window.stride, window.extent
    right = (positions[-1] - 1) * across + columns - left - image[-1]
    bottom = (positions[-2] - 1) * down + rows - top - image[-2]
    return left, right, top, bottom


def padded(x: Any, by: Sides, value: float = 0.0) -> Any:
    """Images with so many columns and rows around them."""
    if min(by) < 0 < max(by):  # PyTorch would crop first, and may find too little
        x = pad(x, [max(0, side) for side in by], value=value)
        return pad(x, [min(0, side) for side in by])
    return pad(x, by, value=value) if any(by) else x


def cropped(x: Any, by: Sides) -> Any:
    """The adjoint of `padded`: images without them."""
    left, right, top, bottom = by
    return pad(x, (-left, -right, -top, -bottom)) if any(by) else x


def padded_shape(shape: tuple[int, ...], by: Sides) -> tuple[int, ...]:
    """Shape of images (N, C, H, W) with so many columns and rows around them."""
    (n, c, height, width), (left, right, top, bottom) = shape, by
    return n, c, height + top + bottom, width + left + right
