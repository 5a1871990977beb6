"""Weight gradient of a convolution by implicit GEMM: dy (K, N*OH*OW) times transposed patches."""

from __future__ import annotations

import math
from functools import cache
from typing import Any

import numpy as np
from numba import int32

from nnaccel_kernels.cuda.conv.patches import (
    corner,
    has_vectors,
    images_at_once,
    patches_of,
    pixel_offset,
    pixels_of,
    position_of,
    tap_of,
    tap_offset,
)
from nnaccel_kernels.cuda.conv.pieces import in_pieces, piece, uses_tensor_cores
from nnaccel_kernels.cuda.runtime.launch import MAX_BLOCKS, blocks
from nnaccel_kernels.cuda.runtime.namespace import namespace_of
from nnaccel_kernels.cuda.runtime.tile_memory import store_item
from nnaccel_kernels.cuda.runtime.workspace import allocate
from nnaccel_kernels.cuda.skeletons.channel_reduction import sum_parts
from nnaccel_kernels.cuda.skeletons.gather import OUTSIDE, Factor
from nnaccel_kernels.cuda.skeletons.tensor import TensorProduct
from nnaccel_kernels.cuda.skeletons.tiled import TiledProduct
from nnaccel_kernels.half import wide
from nnaccel_kernels.window import Window

MIN_POSITIONS = 2048  # a part
MAX_PARTS = 64
_MAX_ITEMS = (1 << 31) - 1  # of the sums of all parts, for 32-bit offsets


def _filter_line(m, group, args):  # type: ignore[no-untyped-def]
    filters, dy = args[0], args[1]
    offset = int32((group * filters + m) * dy.channel)
    return offset, int32(0) if m < filters else int32(OUTSIDE), int32(0)


def _position(p, args):  # type: ignore[no-untyped-def]
    n, i, j = position_of(p, args[2])
    return pixel_offset(n, i, j, args[1]), int32(0), int32(0)


def _filter_size(args):  # type: ignore[no-untyped-def]
    return int32(1), int32(1)


def _tap_line(q, group, args):  # type: ignore[no-untyped-def]
    patches, depth = args[2], args[3]
    offset, h, v = tap_offset(q, patches)
    offset = int32(offset + group * patches.channels.size * patches.pixels.channel)
    return offset, h if q < depth else int32(OUTSIDE), v


def _corner(p, args):  # type: ignore[no-untyped-def]
    return corner(p, args[2])


def _image_size(args):  # type: ignore[no-untyped-def]
    return args[2].pixels.size


def _place(q, args):  # type: ignore[no-untyped-def]
    c, r, s = tap_of(q, args[2])
    channels, taps = args[4]
    inside = q < args[3] and c < channels
    return int32(c * taps + r * args[2].taps.size + s), inside


def _store(part, group, m, at, total, parts, args):  # type: ignore[no-untyped-def]
    filters, depth, all_filters = args[0], args[4][0] * args[4][1], args[5]
    if at[1] and m < filters:
        k = part * all_filters + group * filters + m
        store_item(parts, int32(k * depth + at[0]), total)


@cache
def _product(
    dy_vectors: bool, dy_last: bool, x_vectors: bool, x_last: bool, tensor: bool
) -> TiledProduct:
    """For dy and x whose channels are their last axis in memory, and come as vectors, or not."""
    return (TensorProduct if tensor else TiledProduct)(
        "conv2d_weight_gradient",
        Factor(_filter_line, _position, _filter_size, "lines" if dy_vectors else "", not dy_last),
        Factor(_tap_line, _corner, _image_size, "lines" if x_vectors else "", not x_last),
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
    tensor = uses_tensor_cores(dy, groups) and uses_tensor_cores(x, groups)
    if tensor:
        dy, x = (in_pieces(a, blocks(a.shape[1], piece(a)) * piece(a)) for a in (dy, x))
    depth = c * math.prod(taps)
    images = max(1, min(n, images_at_once(dy, x)))
    pieces = max(1, blocks(n, images))
    count = part_count(images * math.prod(size))
    count = min(count, max(1, MAX_BLOCKS // groups), max(1, _MAX_ITEMS // max(1, k * depth)))
    sums = dw.reshape(1, k, depth)
    if pieces * count > 1:
        count, sums = allocate(namespace_of(dw), count, (pieces, k, depth), wide(dw.dtype))
        sums = sums.reshape(pieces * count, k, depth)
    for few in range(pieces):
        some, parts = slice(few * images, (few + 1) * images), sums[few * count :][:count]
        _sum(dy[some], x[some], window, groups, (c, *taps), parts, tensor)
    if pieces * count > 1:
        sum_parts(dw.reshape(1, k, 1, depth), sums)


def _sum(
    dy: Any,
    x: Any,
    window: Window,
    groups: int,
    shape: tuple[int, ...],
    parts: Any,
    tensor: bool,
) -> None:
    """The gradients (parts, K, C/groups * R * S) of parts of the positions.

    `shape` is (C/groups, R, S); for tensor cores dy and x may have more channels, all 0.
    """
    own, *taps = shape
    filters, positions = parts.shape[1] // groups, dy.shape[2:]
    channels = x.shape[1] // groups
    first = -window.padding[0], -window.padding[2]
    where = patches_of(x, channels, positions, taps, first, window.stride, window.dilation)
    vectors = has_vectors(dy, dy.shape[1] // groups), has_vectors(x, channels)
    product = _product(vectors[0], _is_last(dy), vectors[1], _is_last(x), tensor)
    depth = channels * math.prod(taps)
    product(
        (filters, depth, len(dy) * math.prod(positions)),
        dy,
        x,
        parts,
        np.int32(filters),
        pixels_of(dy),
        where,
        np.int32(depth),
        (np.int32(own), np.int32(math.prod(taps))),
        np.int32(parts.shape[1]),
        groups=groups,
        parts=len(parts),
    )


def _is_last(image: Any) -> bool:
    """Whether the channels are the last axis in memory."""
    return bool(image.strides[1] == image.itemsize)
