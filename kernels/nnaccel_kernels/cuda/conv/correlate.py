"""A sum of filters over windows of an image, as a tiled product: filters times patches, by group.

It is a convolution forward; its input gradient is one of these for each phase of the stride.
"""

from __future__ import annotations

from functools import cache
from typing import Any, NamedTuple

import numpy as np
from numba import int32

from nnaccel_kernels.cuda.conv.filters import (
    filter_line,
    filter_step,
    filters_of,
    line_matrix_of,
    matrix_of,
)
from nnaccel_kernels.cuda.conv.patches import (
    Pair,
    Pixels,
    corner,
    has_vectors,
    images_at_once,
    pair,
    patches_of,
    pixel_offset,
    pixels_of,
    position_of,
    tap_offset,
)
from nnaccel_kernels.cuda.conv.pieces import in_pieces, piece, uses_tensor_cores
from nnaccel_kernels.cuda.runtime.launch import scalar
from nnaccel_kernels.cuda.runtime.tile_memory import load_item, store_item
from nnaccel_kernels.cuda.runtime.workspace import chunks
from nnaccel_kernels.cuda.skeletons.activations import activation_function
from nnaccel_kernels.cuda.skeletons.gather import Factor
from nnaccel_kernels.cuda.skeletons.tensor import TensorProduct
from nnaccel_kernels.cuda.skeletons.tiled import TiledProduct

_SHORT = {"linear", "relu", "leaky_relu"}  # activations short enough for `store`


class Axis(NamedTuple):
    """How windows lie along one axis.

    Tap `tap + t * filter_step` of the filters lies at position i on pixel `first + i * step + t *
    tap_step` of the image; the sum of all is for pixel `out + i * out_step` of the output.
    """

    positions: int
    taps: int
    first: int
    step: int
    tap_step: int
    tap: int = 0
    filter_step: int = 1
    out: int = 0
    out_step: int = 1


class _Output(NamedTuple):
    """Where the sums go: pixel first + i * step."""

    pixels: Pixels
    first: Pair
    step: Pair


def _filter_line(m, group, args):  # type: ignore[no-untyped-def]
    return filter_line(m, group, args[0])


def _filter_step(q, args):  # type: ignore[no-untyped-def]
    return filter_step(q, args[0], args[1])


def _filter_size(args):  # type: ignore[no-untyped-def]
    return int32(1), int32(1)


def _corner(p, group, args):  # type: ignore[no-untyped-def]
    patches = args[1]
    offset, h, v = corner(p, patches)
    return int32(offset + group * patches.channels.size * patches.pixels.channel), h, v


def _tap(q, args):  # type: ignore[no-untyped-def]
    return tap_offset(q, args[1])


def _image_size(args):  # type: ignore[no-untyped-def]
    return args[1].pixels.size


def _place(p, args):  # type: ignore[no-untyped-def]
    out = args[2]
    n, i, j = position_of(p, args[1])
    h = out.first.down + i * out.step.down
    v = out.first.across + j * out.step.across
    return pixel_offset(n, h, v, out.pixels), n < out.pixels.images


@cache
def _product(
    name: str, dtype: np.dtype[Any], has_bias: bool, vectors: bool, tensor: bool
) -> TiledProduct:
    f = activation_function(name, dtype)
    in_store = activation_function(name if name in _SHORT else "linear", dtype)

    def store_biased(part, group, m, at, total, y, args):  # type: ignore[no-untyped-def]
        filters, _, out, b, alpha = args
        if at[1] and m < filters.lines:
            k = int32(group * filters.lines + m)
            to = int32(at[0] + k * out.pixels.channel)
            store_item(y, to, in_store(total + b[k], alpha))

    def store(part, group, m, at, total, y, args):  # type: ignore[no-untyped-def]
        filters, _, out, _, alpha = args
        if at[1] and m < filters.lines:
            to = int32(at[0] + (group * filters.lines + m) * out.pixels.channel)
            store_item(y, to, in_store(total, alpha))

    def epilogue(part, group, m, at, y, args):  # type: ignore[no-untyped-def]
        filters, _, out, _, alpha = args
        if at[1] and m < filters.lines:
            to = int32(at[0] + (group * filters.lines + m) * out.pixels.channel)
            store_item(y, to, f(load_item(y, to), alpha))

    return (TensorProduct if tensor else TiledProduct)(
        f"conv2d_{name}",
        Factor(_filter_line, _filter_step, _filter_size, "depth" if tensor else "lines", tensor),
        Factor(_corner, _tap, _image_size, "depth" if vectors else "", by_depth=vectors),
        _place,
        store_biased if has_bias else store,
        None if name in _SHORT else epilogue,
    )


def filter_matrix(w: Any, groups: int, by_channel: bool, image: Any) -> Any:
    """Filters for `correlate` with an image: by channel for a gradient, else by filter."""
    if uses_tensor_cores(image, groups):
        return line_matrix_of(w, groups, by_channel, image.dtype, piece(image))
    return matrix_of(w, groups, by_channel)


def correlate(
    image: Any,
    matrix: Any,
    taps: int,
    axes: tuple[Axis, Axis],
    out: Any,
    b: Any = None,
    activation: str = "linear",
    alpha: float = 0.0,
) -> None:
    """out = f(sums + b) at the pixels that `axes` name, for a window of `taps` taps across."""
    groups, channels = matrix.shape[0], matrix.shape[2]
    lines = out.shape[1] // groups
    down, across = axes
    tensor = uses_tensor_cores(image, groups)
    image = in_pieces(image, channels) if tensor else image
    vectors = has_vectors(image, channels)
    product = _product(activation, out.dtype, b is not None, vectors, tensor)
    _, *numbers = zip(down, across, strict=True)
    taps_taken, first, step, tap_step, filter_first, filter_step, out_first, out_step = numbers
    positions = down.positions, across.positions
    for images in chunks(len(image), images_at_once(image, out)):
        x, y = image[images], out[images]
        product(
            (lines, len(x) * positions[0] * positions[1], channels * down.taps * across.taps),
            matrix,
            x,
            y,
            filters_of(matrix, lines, taps, filter_first, filter_step),
            patches_of(x, channels, positions, taps_taken, first, step, tap_step),
            _Output(pixels_of(y), pair(out_first), pair(out_step)),
            matrix if b is None else b,
            scalar(alpha, y),
            groups=groups,
        )
