"""What a convolution kernel needs to know of its arguments besides the arrays: plain integers."""

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
    """What is to be computed, as `conv2d_plan` is told it."""

    direction: str
    x_shape: tuple[int, int, int, int]
    w_shape: tuple[int, int, int, int]
    window: Window
    groups: int
    itemsize: int

    @property
    def xs(self) -> Images:
        """What the window slides over."""
        return images_of(self.x_shape)

    @property
    def ys(self) -> Images:
        """What has a pixel for each position."""
        size = self.window.output_size(*self.x_shape[2:])
        return images_of((self.x_shape[0], self.w_shape[0], *size))

    @property
    def conv(self) -> Conv:
        """The convolution of this problem, as one item per image."""
        ys = self.ys
        return conv_of(self.w_shape, (ys.height, ys.width), self.window, self.groups)


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


def is_in_place(conv: Conv, xs: Images) -> bool:
    """Whether what a tap meets are the planes of the image itself."""
    single = conv.taps_down == conv.taps_across == conv.stride_down == conv.stride_across == 1
    whole = conv.top == conv.left == 0 and (conv.out_height, conv.out_width) == xs[2:4]
    return single and whole and (not xs.last or xs.channels == 1)


@register_jitable
def row_under(conv, position, tap):  # type: ignore[no-untyped-def]
    """Row of the image under a tap of a row of positions."""
    return source(position, tap, conv.stride_down, conv.top, conv.dilation_down)


@register_jitable
def rows_reaching(conv, first, rows):  # type: ignore[no-untyped-def]
    """The first row of positions whose taps reach some rows of x, and the first after them."""
    taps = conv.taps_down, conv.stride_down, conv.top, conv.dilation_down
    begin, _ = positions_over(first, *taps, conv.out_height)
    _, end = positions_over(first + rows - 1, *taps, conv.out_height)
    return begin, end
