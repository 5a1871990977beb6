"""What a convolution kernel needs to know of its arguments besides the arrays: plain integers."""

from __future__ import annotations

from typing import NamedTuple

from numba.extending import register_jitable

from nnaccel_kernels._window import Window


class Conv(NamedTuple):
    """The sizes of a convolution, per group, and how it is cut into items of work."""

    channels: int
    filters: int
    groups: int
    taps_down: int
    taps_across: int
    stride_down: int
    stride_across: int
    top: int
    left: int
    dilation_down: int
    dilation_across: int
    out_height: int
    out_width: int
    rows: int  # rows of an image that one item takes
    pieces: int  # items that an image takes


def conv_of(
    w_shape: tuple[int, ...], out_size: tuple[int, ...], window: Window, groups: int
) -> Conv:
    """Describe a convolution as one item per image."""
    filters, channels = w_shape[:2]
    (top, _, left, _), (height, width) = window.padding, out_size
    return Conv(
        channels, filters // groups, groups, *window.kernel_size, *window.stride,
        top, left, *window.dilation, height, width, height, 1,
    )  # fmt: skip


def cut(conv: Conv, height: int, bytes_per_row: int, target: int = 1 << 17) -> Conv:
    """Return `conv` with items of as many of `height` rows as `target` bytes hold, at least one."""
    rows = max(1, min(height, target // max(1, bytes_per_row)))
    pieces = -(-height // rows)
    return conv._replace(rows=-(-height // pieces), pieces=pieces)


@register_jitable
def locate(item, conv):  # type: ignore[no-untyped-def]
    """The image, the group and the first row of an item of work."""
    rest = item // conv.pieces
    return rest // conv.groups, rest % conv.groups, item % conv.pieces * conv.rows


@register_jitable
def reach(conv, rows):  # type: ignore[no-untyped-def]
    """Height and width of what some rows of positions meet."""
    return (
        (rows - 1) * conv.stride_down + (conv.taps_down - 1) * conv.dilation_down + 1,
        (conv.out_width - 1) * conv.stride_across
        + (conv.taps_across - 1) * conv.dilation_across
        + 1,
    )


@register_jitable
def runs_of(conv):  # type: ignore[no-untyped-def]
    """In how many runs of memory a row of taps lies, and how many elements each has."""
    runs = 1 if conv.dilation_across == 1 else conv.taps_across
    return runs, conv.taps_across // runs * conv.channels


@register_jitable
def rows_reaching(conv, first, rows):  # type: ignore[no-untyped-def]
    """The first row of positions whose taps reach some rows of x, and the first after them."""
    begin = first + conv.top - (conv.taps_down - 1) * conv.dilation_down
    begin = max(0, -(-begin // conv.stride_down))
    return begin, min(conv.out_height, (first + rows - 1 + conv.top) // conv.stride_down + 1)
