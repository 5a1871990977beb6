"""Input gradient of a convolution by implicit GEMM, one product for each phase of the stride."""

from __future__ import annotations

from typing import Any

from nnaccel_kernels.cuda.conv.patch import matrix_index, patch, pixel_of, tap_of
from nnaccel_kernels.cuda.skeletons.tiled import Factor, TiledProduct
from nnaccel_kernels.index import phases
from nnaccel_kernels.window import Window


def _tap(q, args):  # type: ignore[no-untyped-def]
    _, rows, columns, _ = args
    k, t, u = tap_of(q, rows.taps, columns.taps)
    return k, rows.tap + t * rows.tap_step, columns.tap + u * columns.tap_step


def _filter(group, line, tap, w, args):  # type: ignore[no-untyped-def]
    filters, c = args[0], line[0]
    k, r, s = tap
    return w[group * filters + k, c, r, s] if c < w.shape[1] and k < filters else w.dtype.type(0)


def _corner(p, args):  # type: ignore[no-untyped-def]
    _, rows, columns, _ = args
    n, i, j = pixel_of(p, rows.pixels, columns.pixels)
    return n, rows.position + i, columns.position + j


def _offset(q, args):  # type: ignore[no-untyped-def]
    _, rows, columns, _ = args
    k, t, u = tap_of(q, rows.taps, columns.taps)
    return k, -t * rows.drop, -u * columns.drop


def _patch(group, corner, offset, dy, args):  # type: ignore[no-untyped-def]
    return patch(group, corner, offset, dy, args[0])


def _place(p, args):  # type: ignore[no-untyped-def]
    _, rows, columns, _ = args
    n, i, j = pixel_of(p, rows.pixels, columns.pixels)
    return n, rows.pixel + i * rows.stride, columns.pixel + j * columns.stride


def _store(part, group, c, at, total, dx, args):  # type: ignore[no-untyped-def]
    channels = args[3]
    n, h, v = at
    if n < dx.shape[0] and c < channels:
        dx[n, group * channels + c, h, v] = total


_product = TiledProduct(
    "conv2d_input_gradient",
    Factor(matrix_index, _tap, _filter, by_depth=True),
    Factor(_corner, _offset, _patch, by_depth=False),
    _place,
    _store,
)


def input_gradient(dy: Any, w: Any, window: Window, groups: int, dx: Any) -> None:
    """dx = gradient of sum(dy * conv(x, w)) in x."""
    n, _, *size = dx.shape
    filters, channels = w.shape[0] // groups, w.shape[1]
    down, across = (
        phases(
            size[axis],
            window.kernel_size[axis],
            window.stride[axis],
            window.padding[2 * axis],
            window.dilation[axis],
        )
        for axis in (0, 1)
    )
    for rows in down:
        for columns in across:
            pixels, taps = rows.pixels * columns.pixels, rows.taps * columns.taps
            _product(
                (channels, n * pixels, filters * taps),
                w,
                dy,
                dx,
                filters,
                rows,
                columns,
                channels,
                groups=groups,
            )
