"""What the taps of a convolution meet: a band of an image, and patches of it."""

from __future__ import annotations

from numba import njit
from numba.extending import register_jitable

from nnaccel_kernels.cpu._band import Images, load_rows
from nnaccel_kernels.cpu._shape import Conv, reach, runs_of
from nnaccel_kernels.cpu._simd import copy_run


@register_jitable
def load_band(conv, xs, x, n, group, first, rows, band):  # type: ignore[no-untyped-def]
    """Fill a band with what some rows of positions of image n meet, from row `first`."""
    height, width = reach(conv, rows)
    top = first * conv.stride_down - conv.top
    channels = conv.channels
    load_rows(
        x, xs, n, group * channels, channels, top, -conv.left, height, width, band, 0, channels
    )


@njit(nogil=True, cache=True, error_model="numpy")
def load_patches(conv, band, begin, pitch, rows, patches, at):  # type: ignore[no-untyped-def]
    """Write out the patches (r, s, c) of all positions in some rows, one after another."""
    runs, run = runs_of(conv)
    for i in range(rows):
        for j in range(conv.out_width):
            for r in range(conv.taps_down):
                source = begin + (i * conv.stride_down + r * conv.dilation_down) * pitch
                source += j * conv.stride_across * conv.channels
                for s in range(runs):
                    step = s * conv.dilation_across * conv.channels
                    copy_run(run, band, source + step, patches, at)
                    at += run


def needs_no_band(conv: Conv, xs: Images) -> bool:
    """Whether all taps of all positions lie inside channels-last images."""
    height, width = reach(conv, conv.out_height)
    inside = conv.top == 0 and conv.left == 0 and conv.groups == 1 and xs.last
    down = (conv.out_height - 1) * conv.stride_down + height <= xs.height
    return bool(inside and down and (conv.out_width - 1) * conv.stride_across + width <= xs.width)
