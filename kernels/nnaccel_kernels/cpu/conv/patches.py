"""The pixels under the taps of a convolution: bands of an image, and patches of a band."""

from __future__ import annotations

from numba.extending import register_jitable

from nnaccel_kernels.cpu.conv.band import Images, load_rows, pixel_at
from nnaccel_kernels.cpu.conv.shape import Conv, receptive_field, runs_of
from nnaccel_kernels.cpu.runtime.jit import njit
from nnaccel_kernels.cpu.vector.runs import copy_run


@register_jitable
def band_of(conv, xs, x, in_place, n, group, first, rows, work):  # type: ignore[no-untyped-def]
    """The band under `rows` rows of positions of image n, from row `first`: in x or in `work`.

    Returns the array, the index of the band in it, and the elements from one row to the next.
    """
    height, width = receptive_field(conv, rows)
    top = first * conv.stride_down - conv.top
    channels = conv.channels
    if in_place:
        return x, pixel_at(xs, n, top, 0), xs.width * channels
    load_rows(
        x, xs, n, group * channels, channels, top, -conv.left, height, width, work, 0, channels
    )
    return work, 0, width * channels


@njit(nogil=True, cache=True, error_model="numpy")
def load_patches(conv, band, begin, pitch, rows, patches, at):  # type: ignore[no-untyped-def]
    """Write the patches (r, s, c) of all positions in some rows, one after the other."""
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
    """Whether channels-last images serve as bands themselves: no tap lies outside."""
    height, width = receptive_field(conv, conv.out_height)
    inside = conv.top == 0 and conv.left == 0 and conv.groups == 1 and xs.last
    return bool(inside and height <= xs.height and width <= xs.width)
