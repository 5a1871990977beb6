"""Shapes of convolutions, as the integers that kernels compute with."""

from __future__ import annotations

from typing import NamedTuple

from numba.extending import register_jitable

from nnaccel_kernels import index
from nnaccel_kernels.cpu.conv.band import Images, images_of
from nnaccel_kernels.window import Window

positions_inside = register_jitable(index.positions_inside)
positions_over = register_jitable(index.positions_over)
source = register_jitable(index.source)


class Problem(NamedTuple):
    """A convolution, or a gradient of it, by the shapes of its arrays."""

    direction: str
    x_shape: tuple[int, int, int, int]
    w_shape: tuple[int, int, int, int]
    window: Window
    groups: int
    itemsize: int
    is_kept: bool = False  # packed weights, from one run to the next

    @property
    def xs(self) -> Images:
        """The images that the window slides over."""
        return images_of(self.x_shape)

    @property
    def ys(self) -> Images:
        """The images with a pixel for each position of the window."""
        size = self.window.output_size(*self.x_shape[2:])
        return images_of((self.x_shape[0], self.w_shape[0], *size))

    @property
    def conv(self) -> Conv:
        """The convolution of this problem, with one work item an image."""
        ys = self.ys
        return conv_of(self.w_shape, (ys.height, ys.width), self.window, self.groups)


class Conv(NamedTuple):
    """The sizes of a convolution, with channels and filters of one group, and its work items."""

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
    rows: int  # of an image in a work item
    pieces: int  # work items in an image


def conv_of(
    w_shape: tuple[int, ...], out_size: tuple[int, ...], window: Window, groups: int
) -> Conv:
    """The description of a convolution, with one work item an image."""
    filters, channels = w_shape[:2]
    (top, _, left, _), (height, width) = window.padding, out_size
    return Conv(
        channels, filters // groups, groups, *window.kernel_size, *window.stride,
        top, left, *window.dilation, height, width, height, 1,
    )  # fmt: skip


def split_rows(conv: Conv, height: int, bytes_per_row: int, target: int = 1 << 17) -> Conv:
    """Return `conv` with work items of as many of `height` rows as `target` bytes hold."""
    rows = max(1, min(height, target // max(1, bytes_per_row)))
    pieces = -(-height // rows)
    return conv._replace(rows=-(-height // pieces), pieces=pieces)


@register_jitable
def locate(item, conv):  # type: ignore[no-untyped-def]
    """The image, the group and the first row of a work item."""
    rest = item // conv.pieces
    return rest // conv.groups, rest % conv.groups, item % conv.pieces * conv.rows


@register_jitable
def receptive_field(conv, rows):  # type: ignore[no-untyped-def]
    """Height and width of the pixels under some rows of positions."""
    return (
        (rows - 1) * conv.stride_down + (conv.taps_down - 1) * conv.dilation_down + 1,
        (conv.out_width - 1) * conv.stride_across
        + (conv.taps_across - 1) * conv.dilation_across
        + 1,
    )


@register_jitable
def runs_of(conv):  # type: ignore[no-untyped-def]
    """How many runs of memory a row of taps has, and the elements of a run."""
    runs = 1 if conv.dilation_across == 1 else conv.taps_across
    return runs, conv.taps_across // runs * conv.channels


def is_in_place(conv: Conv, xs: Images) -> bool:
    """Whether the pixels under a tap are the planes of the image itself."""
    single = conv.taps_down == conv.taps_across == conv.stride_down == conv.stride_across == 1
    whole = conv.top == conv.left == 0 and (conv.out_height, conv.out_width) == xs[2:4]
    return single and whole and (not xs.last or xs.channels == 1)


@register_jitable
def row_under(conv, position, tap):  # type: ignore[no-untyped-def]
    """Row of the image under a row of taps, at a row of positions."""
    return source(position, tap, conv.stride_down, conv.top, conv.dilation_down)


@register_jitable
def rows_reaching(conv, first, rows):  # type: ignore[no-untyped-def]
    """First and one past the last row of positions whose taps reach some rows of x."""
    taps = conv.taps_down, conv.stride_down, conv.top, conv.dilation_down
    begin, _ = positions_over(first, *taps, conv.out_height)
    _, end = positions_over(first + rows - 1, *taps, conv.out_height)
    return begin, end
