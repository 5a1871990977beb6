"""Kernel size, stride, padding and dilation as users write them, and output sizes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np

from nnaccel import _validate
from nnaccel_kernels.window import Window

Size: TypeAlias = int | Sequence[int]
Padding: TypeAlias = int | str | Sequence[int]
Sides = tuple[int, int, int, int]

_NAMED = ("same", "valid")


def pair(name: str, value: Size, least: int = 1) -> tuple[int, int]:
    """Return (down, across) from one number for both, or two; ValueError if they are too small."""
    if type(value) is int and value >= least:
        return value, value
    numbers = _numbers(value)
    if len(numbers) not in (1, 2) or min(numbers) < least:
        raise ValueError(
            f"{name}={value!r} must be a whole number of at least {least}, or two: (down, across)"
        )
    return numbers[0], numbers[-1]


def sides(padding: Padding, least: int | None = 0) -> str | Sides:
    """Return 'same', or (top, bottom, left, right) from one, two or four numbers or 'valid'."""
    if isinstance(padding, str):
        if padding not in _NAMED:
            raise ValueError(_validate.unknown_name("padding", padding, _NAMED))
        return "same" if padding == "same" else (0, 0, 0, 0)
    numbers = _numbers(padding)
    if len(numbers) not in (1, 2, 4):
        raise ValueError(
            f"padding={padding!r} must be a whole number, two (down, across), four (top, bottom, "
            "left, right), 'same' or 'valid'"
        )
    if least is not None and min(numbers) < least:
        raise ValueError(f"padding={padding!r} must be at least {least}: crop with pad2d")
    if len(numbers) == 4:
        top, bottom, left, right = numbers
        return top, bottom, left, right
    down, across = numbers[0], numbers[-1]
    return down, down, across, across


def window(
    image: tuple[int, int], kernel_size: Size, stride: Size, padding: Padding, dilation: Size
) -> Window:
    """Return the window over images of this height and width."""
    taps, strides = pair("kernel_size", kernel_size), pair("stride", stride)
    chosen, spacing = sides(padding), pair("dilation", dilation)
    if isinstance(chosen, str):
        chosen = _same(image, Window(taps, strides, dilation=spacing))
    return Window(taps, strides, chosen, spacing)


def transposed_window(
    positions: tuple[int, int],
    kernel_size: Size,
    stride: Size,
    padding: Padding,
    output_padding: Size,
    dilation: Size,
) -> tuple[Window, tuple[int, int]]:
    """Return the window with the given number of positions, and the size of the image under it.

    Several sizes fit where the stride is above 1: `output_padding` is added to the smallest.
    """
    (down, across), strides = positions, pair("stride", stride)
    full = down * strides[0], across * strides[1]
    over = window(full, kernel_size, strides, padding, dilation)
    more = pair("output_padding", output_padding, least=0)
    if any(m >= max(s, d) for m, s, d in zip(more, over.stride, over.dilation, strict=True)):
        raise ValueError(
            f"output_padding={more} must be smaller than stride {over.stride} or dilation "
            f"{over.dilation}"
        )
    if padding == "same":
        if any(more):
            raise ValueError(f"output_padding={more} must be 0 with padding='same'")
        return over, full
    (rows, cols), (top, bottom, left, right) = over.extent, over.padding
    size = (
        (down - 1) * over.stride[0] + rows - top - bottom + more[0],
        (across - 1) * over.stride[1] + cols - left - right + more[1],
    )
    if min(size) < 1:
        raise ValueError(
            f"a {down}x{across} image would become {size[0]}x{size[1]}: padding {over.padding} "
            f"is too large for a {_taps(over)} window with stride {over.stride}"
        )
    return over, size


def output_size(
    over: Window, image: tuple[int, int], ceil_mode: bool = False, layer: str = ""
) -> tuple[int, int]:
    """Return the number of positions of the window, down and across.

    Parameters
    ----------
    over : Window
    image : (height, width)
    ceil_mode : bool
        Whether a last window that starts before the end padding may extend beyond it.
    layer : str
        Name of the layer, for the error.

    Raises
    ------
    ValueError
        If there is no position.
    """
    size = over.output_size(*image)
    if ceil_mode:
        top, bottom, left, right = over.padding
        size = (
            _rounded_up(image[0], top, bottom, over.extent[0], over.stride[0]),
            _rounded_up(image[1], left, right, over.extent[1], over.stride[1]),
        )
    if min(size) < 1:
        taps, pixels = _taps(over), f"{image[0]}x{image[1]} image"
        what = f"{layer} {taps} over a {pixels}: the window does not fit" if layer else ""
        raise ValueError(
            f"{what or f'a {taps} window does not fit a {pixels}'} with padding {over.padding}"
        )
    return size


def margins(padding: Padding) -> Sides:
    """Return (top, bottom, left, right) of a padding that may be negative, to crop."""
    chosen = sides(padding, least=None)
    if isinstance(chosen, str):
        raise ValueError("padding='same' needs a window: give numbers")
    return chosen


def padded_size(image: tuple[int, int], padding: Sides) -> tuple[int, int]:
    """Return the size of a padded image; ValueError if it has no pixels."""
    top, bottom, left, right = padding
    size = image[0] + top + bottom, image[1] + left + right
    if min(size) < 1:
        raise ValueError(f"padding {padding} leaves nothing of a {image[0]}x{image[1]} image")
    return size


def _same(image: tuple[int, int], over: Window) -> Sides:
    """Return the padding for ceil(size / stride) positions; the odd zero comes last."""
    lacking = [
        max(0, (-(-size // stride) - 1) * stride + extent - size)
        for size, stride, extent in zip(image, over.stride, over.extent, strict=True)
    ]
    down, across = lacking
    return down // 2, down - down // 2, across // 2, across - across // 2


def _rounded_up(size: int, before: int, after: int, extent: int, stride: int) -> int:
    positions = -(-(size + before + after - extent) // stride) + 1
    return positions - ((positions - 1) * stride >= size + before)


def _taps(over: Window) -> str:
    """Such as '3x3', or '3x3 (5x5 with dilation (2, 2))'."""
    taps, extent = over.kernel_size, over.extent
    spread = f" ({extent[0]}x{extent[1]} with dilation {over.dilation})"
    return f"{taps[0]}x{taps[1]}{spread if extent != taps else ''}"


def _numbers(value: Any) -> Sequence[int]:
    """Return a whole number, or a sequence of them, as a tuple; empty for anything else."""
    items = value if isinstance(value, tuple | list) else (value,)
    for item in items:
        if isinstance(item, bool) or not isinstance(item, int | np.integer):
            return ()
    return tuple(map(int, items))
