"""Winograd's transforms F(4x4, 3x3): kernels from images, gradients and filters to tiles and back.

Tiles of 36 elements are stored as 36 matrices (36, tiles, channels). Neighbouring threads take
neighbouring channels.

A. Lavin and S. Gray, "Fast algorithms for convolutional neural networks", CVPR 2016.
"""

from __future__ import annotations

from functools import cache
from typing import Any, NamedTuple

import numpy as np
from numba import cuda

from nnaccel_kernels.cuda.runtime.index import device, is_inside
from nnaccel_kernels.cuda.skeletons.activations import activation_function
from nnaccel_kernels.cuda.skeletons.indexed import IndexedKernel
from nnaccel_kernels.half import wide


class Transforms(NamedTuple):
    """The transforms of one row or column, all in one dtype."""

    image: Any  # 6 -> 6
    filter: Any  # 3 -> 6
    output: Any  # 6 -> 4
    gradient: Any  # 4 -> 6, adjoint of `output`
    filter_gradient: Any  # 6 -> 3, adjoint of `filter`


@cache
def transforms(dtype: np.dtype[Any]) -> Transforms:
    """The transforms as device functions, in the accumulation dtype of `dtype`."""
    two, four, five, eight = (wide(dtype).type(v) for v in (2, 4, 5, 8))
    quarter, sixth, twelfth, of_24 = (wide(dtype).type(1 / v) for v in (4, 6, 12, 24))

    @device
    def image(a, b, c, d, e, f):  # type: ignore[no-untyped-def]
        even, odd = e - four * c, d - four * b
        half, other = e - c, two * (d - b)
        first, last = four * a - five * c + e, four * b - five * d + f
        return first, even + odd, even - odd, half + other, half - other, last

    @device
    def filter(a, b, c):  # type: ignore[no-untyped-def]
        ends, middle = (a + c) * sixth, b * sixth
        wide, off = a * of_24 + c * sixth, b * twelfth
        return a * quarter, -ends - middle, middle - ends, wide + off, wide - off, c

    @device
    def output(a, b, c, d, e, f):  # type: ignore[no-untyped-def]
        near, far, off, wide = b + c, d + e, b - c, d - e
        return a + near + far, off + two * wide, near + four * far, off + eight * wide + f

    @device
    def gradient(a, b, c, d):  # type: ignore[no-untyped-def]
        even, odd = a + c, b + d
        far, wide = a + four * c, two * b + eight * d
        return a, even + odd, even - odd, far + wide, far - wide, d

    @device
    def filter_gradient(a, b, c, d, e, f):  # type: ignore[no-untyped-def]
        near, far = (b + c) * sixth, d + e
        middle = (c - b) * sixth + (d - e) * twelfth
        return a * quarter - near + far * of_24, middle, far * sixth - near + f

    return Transforms(image, filter, output, gradient, filter_gradient)


@device
def tile_origin(t, down, across):  # type: ignore[no-untyped-def]
    """Image, and first row and column of the output, of tile t."""
    n = t // (down * across)
    t -= n * (down * across)
    row = t // across
    return n, 4 * row, 4 * (t - row * across)


@device
def store_row(tiles, r, i, j, six):  # type: ignore[no-untyped-def]
    """Store row r of a tile in its six matrices."""
    for s in range(6):
        tiles[6 * r + s, i, j] = six[s]


@cache
def from_images(dtype: np.dtype[Any]) -> IndexedKernel:
    """v[:, t, c] = tile t of channel c of x; the output begins at row -top, column -left."""
    transform = transforms(dtype).image

    @IndexedKernel
    def winograd_images(q, args):  # type: ignore[no-untyped-def]
        x, top, left, down, across, v = args
        t = q // x.shape[1]
        c = q - t * x.shape[1]
        n, first, start = tile_origin(t, down, across)
        d = cuda.local.array((6, 6), x.dtype)
        for s in range(6):
            for r in range(6):
                h, w = first + r - top, start + s - left
                d[r, s] = x[n, c, h, w] if is_inside(h, w, x) else x.dtype.type(0)
            d[0, s], d[1, s], d[2, s], d[3, s], d[4, s], d[5, s] = transform(
                d[0, s], d[1, s], d[2, s], d[3, s], d[4, s], d[5, s]
            )
        for r in range(6):
            store_row(v, r, t, c, transform(d[r, 0], d[r, 1], d[r, 2], d[r, 3], d[r, 4], d[r, 5]))

    return winograd_images


@cache
def from_gradients(dtype: np.dtype[Any]) -> IndexedKernel:
    """z[:, t, k] = tile t of channel k of dy."""
    transform = transforms(dtype).gradient

    @IndexedKernel
    def winograd_gradients(q, args):  # type: ignore[no-untyped-def]
        dy, down, across, z = args
        t = q // dy.shape[1]
        k = q - t * dy.shape[1]
        n, first, start = tile_origin(t, down, across)
        d = cuda.local.array((6, 4), dy.dtype)
        for s in range(4):
            for r in range(4):
                i, j = first + r, start + s
                d[r, s] = dy[n, k, i, j] if is_inside(i, j, dy) else dy.dtype.type(0)
            d[0, s], d[1, s], d[2, s], d[3, s], d[4, s], d[5, s] = transform(
                d[0, s], d[1, s], d[2, s], d[3, s]
            )
        for r in range(6):
            store_row(z, r, t, k, transform(d[r, 0], d[r, 1], d[r, 2], d[r, 3]))

    return winograd_gradients


@cache
def from_filters(dtype: np.dtype[Any]) -> IndexedKernel:
    """u[:, c, k] from w[k, c]; or u[:, k, c] from w rotated by 180 degrees, for input gradients."""
    transform = transforms(dtype).filter

    @IndexedKernel
    def winograd_filters(q, args):  # type: ignore[no-untyped-def]
        w, rotated, u = args
        i = q // u.shape[2]
        o = q - i * u.shape[2]
        d = cuda.local.array((6, 3), w.dtype)
        for s in range(3):
            for r in range(3):
                d[r, s] = w[i, o, 2 - r, 2 - s] if rotated else w[o, i, r, s]
            d[0, s], d[1, s], d[2, s], d[3, s], d[4, s], d[5, s] = transform(
                d[0, s], d[1, s], d[2, s]
            )
        for r in range(6):
            store_row(u, r, i, o, transform(d[r, 0], d[r, 1], d[r, 2]))

    return winograd_filters


@cache
def to_outputs(name: str, dtype: np.dtype[Any]) -> IndexedKernel:
    """y = f(output tiles of m + b)."""
    transform, f = transforms(dtype).output, activation_function(name, dtype)

    @IndexedKernel
    def winograd_outputs(q, args):  # type: ignore[no-untyped-def]
        m, b, has_bias, alpha, down, across, y = args
        t = q // y.shape[1]
        k = q - t * y.shape[1]
        n, first, start = tile_origin(t, down, across)
        offset = b[k] if has_bias else y.dtype.type(0)
        d = cuda.local.array((4, 6), y.dtype)
        for s in range(6):
            d[0, s], d[1, s], d[2, s], d[3, s] = transform(
                m[s, t, k], m[6 + s, t, k], m[12 + s, t, k],
                m[18 + s, t, k], m[24 + s, t, k], m[30 + s, t, k],
            )  # fmt: skip
        values = cuda.local.array(4, y.dtype)
        for r in range(4):
            values[0], values[1], values[2], values[3] = transform(
                d[r, 0], d[r, 1], d[r, 2], d[r, 3], d[r, 4], d[r, 5]
            )
            for s in range(4):
                if is_inside(first + r, start + s, y):
                    y[n, k, first + r, start + s] = f(values[s] + offset, alpha)

    return winograd_outputs


@cache
def to_filter_gradients(dtype: np.dtype[Any]) -> IndexedKernel:
    """dw[k, c] from g[:, c, k]."""
    transform = transforms(dtype).filter_gradient

    @IndexedKernel
    def winograd_filter_gradients(q, args):  # type: ignore[no-untyped-def]
        g, dw = args
        c = q // g.shape[2]
        k = q - c * g.shape[2]
        d = cuda.local.array((3, 6), dw.dtype)
        for s in range(6):
            d[0, s], d[1, s], d[2, s] = transform(
                g[s, c, k], g[6 + s, c, k], g[12 + s, c, k],
                g[18 + s, c, k], g[24 + s, c, k], g[30 + s, c, k],
            )  # fmt: skip
        for r in range(3):
            dw[k, c, r, 0], dw[k, c, r, 1], dw[k, c, r, 2] = transform(
                d[r, 0], d[r, 1], d[r, 2], d[r, 3], d[r, 4], d[r, 5]
            )

    return winograd_filter_gradients
