"""Weight gradient of a convolution by implicit GEMM: dy (K, N*OH*OW) times transposed patches."""

from __future__ import annotations

import math
from typing import Any

from nnaccel_kernels.cuda.conv.patch import corner_of, matrix_index, offset_of, patch, pixel_of
from nnaccel_kernels.cuda.runtime.launch import MAX_BLOCKS, blocks
from nnaccel_kernels.cuda.runtime.namespace import namespace_of
from nnaccel_kernels.cuda.runtime.workspace import allocate
from nnaccel_kernels.cuda.skeletons.channel_reduction import sum_parts
from nnaccel_kernels.cuda.skeletons.tiled import Factor, TiledProduct
from nnaccel_kernels.half import wide
from nnaccel_kernels.window import Window

MIN_POSITIONS = 2048  # a part
MAX_PARTS = 64


def _position(p, args):  # type: ignore[no-untyped-def]
    return pixel_of(p, args[2][0], args[2][1])


def _gradient(group, line, position, dy, args):  # type: ignore[no-untyped-def]
    filters, k = args[0], line[0]
    n, i, j = position
    if n < dy.shape[0] and k < filters:
        return dy[n, group * filters + k, i, j]
    return dy.dtype.type(0)


def _offset(q, args):  # type: ignore[no-untyped-def]
    return offset_of(q, args[3])


def _corner(p, args):  # type: ignore[no-untyped-def]
    return corner_of(p, args[2], args[3])


def _patch(group, offset, corner, x, args):  # type: ignore[no-untyped-def]
    return patch(group, corner, offset, x, args[1])


def _place(q, args):  # type: ignore[no-untyped-def]
    return q


def _store(part, group, m, q, total, parts, args):  # type: ignore[no-untyped-def]
    filters = args[0]
    if m < filters and q < parts.shape[2]:
        parts[part, group * filters + m, q] = total


_product = TiledProduct(
    "conv2d_weight_gradient",
    Factor(matrix_index, _position, _gradient, by_depth=True),
    Factor(_offset, _corner, _patch, by_depth=True),
    _place,
    _store,
)


def part_count(positions: int) -> int:
    """Number of partial sums, from the shape alone, so that all devices round alike."""
    return max(1, min(MAX_PARTS, blocks(positions, MIN_POSITIONS)))


def weight_gradient(dy: Any, x: Any, window: Window, groups: int, dw: Any) -> None:
    """dw = gradient of sum(dy * conv(x, w)) in w."""
    k, c, *taps = dw.shape
    n, _, *size = dy.shape
    filters, depth, positions = k // groups, c * math.prod(taps), n * math.prod(size)
    count = min(part_count(positions), max(1, MAX_BLOCKS // groups))
    parts = dw.reshape(1, k, depth)
    if count > 1:
        count, sums = allocate(namespace_of(dw), count, (k, depth), wide(dw.dtype))
        parts = sums if count > 1 else parts
    _product(
        (filters, depth, positions),
        dy,
        x,
        parts,
        filters,
        c,
        tuple(size),
        window,
        groups=groups,
        parts=count,
    )
    if count > 1:
        sum_parts(dw.reshape(1, k, 1, depth), parts)
