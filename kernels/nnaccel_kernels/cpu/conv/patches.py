"""What the taps of a convolution meet: a band of an image, and patches of it."""

from __future__ import annotations

from numba.extending import register_jitable

from nnaccel_kernels.cpu.conv.band import Images, load_rows, pixel_at
from nnaccel_kernels.cpu.conv.shape import Conv, reach, runs_of
from nnaccel_kernels.cpu.runtime.jit import njit
from nnaccel_kernels.cpu.runtime.simd import copy_run


@register_jitable
def band_of(conv, xs, x, in_place, n, group, first, rows, room):  # type: ignore[no-untyped-def]
    """The band that some rows of positions of image n meet, from row `first`: in x or in `room`.

    Also where it begins, and how many elements its rows lie apart.
    """
    height, width = reach(conv, rows)
    top = first * conv.stride_down - conv.top
    channels = conv.channels
    if in_place:
        return x, pixel_at(xs, n, top, 0), xs.width * channels
    load_rows(
        x, xs, n, group * channels, channels, top, -conv.left, height, width, room, 0, channels
    )
    return room, 0, width * channels


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
    return bool(inside and height <= xs.height and width <= xs.width)
