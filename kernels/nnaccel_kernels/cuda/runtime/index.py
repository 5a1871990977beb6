"""What kernels call: the shared index arithmetic, compiled for the device, per row and column."""

from __future__ import annotations

from numba import cuda

from nnaccel_kernels import index

device = cuda.jit(device=True)

_source = device(index.source)
_taps_inside = device(index.taps_inside)
_tap_on = device(index.tap_on)


@device
def row(i, r, window):  # type: ignore[no-untyped-def]
    """Row of the image under row r of the window in position row i."""
    return _source(i, r, window.stride[0], window.padding[0], window.dilation[0])


@device
def column(j, s, window):  # type: ignore[no-untyped-def]
    """Column of the image under column s of the window in position column j."""
    return _source(j, s, window.stride[1], window.padding[2], window.dilation[1])


@device
def is_on(h, v, x):  # type: ignore[no-untyped-def]
    """Whether row h, column v lies on the image."""
    return 0 <= h < x.shape[2] and 0 <= v < x.shape[3]


@device
def row_tap(i, h, window):  # type: ignore[no-untyped-def]
    """Row of the window in position row i that lies on row h, or -1."""
    return _tap_on(i, h, window.stride[0], window.padding[0], window.dilation[0])


@device
def column_tap(j, v, window):  # type: ignore[no-untyped-def]
    """Column of the window in position column j that lies on column v, or -1."""
    return _tap_on(j, v, window.stride[1], window.padding[2], window.dilation[1])


@device
def rows_within(i, first, limit, window):  # type: ignore[no-untyped-def]
    """How many rows of the window in position row i lie on rows from `first` to below `limit`."""
    taps, stride, before = window.kernel_size[0], window.stride[0], window.padding[0]
    dilation = window.dilation[0]
    return _taps_inside(i, taps, stride, before, dilation, limit) - _taps_inside(
        i, taps, stride, before, dilation, first
    )


@device
def columns_within(j, first, limit, window):  # type: ignore[no-untyped-def]
    """How many columns of the window in position column j lie on columns `first` to `limit`."""
    taps, stride, before = window.kernel_size[1], window.stride[1], window.padding[2]
    dilation = window.dilation[1]
    return _taps_inside(j, taps, stride, before, dilation, limit) - _taps_inside(
        j, taps, stride, before, dilation, first
    )
