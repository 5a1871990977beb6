"""Filters as the left factor of an implicit GEMM: a matrix (R * S * channels, lines) by group.

Its lines are the filters, or for an input gradient the channels. The filters are copied, so that
threads load whole vectors of them.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from numba import int32

from nnaccel_kernels.cuda.conv.patches import Pair, pair, tap_of
from nnaccel_kernels.cuda.copy import copy
from nnaccel_kernels.cuda.runtime.index import device
from nnaccel_kernels.cuda.runtime.launch import blocks
from nnaccel_kernels.cuda.runtime.namespace import namespace_of
from nnaccel_kernels.cuda.runtime.tile_memory import vector_length
from nnaccel_kernels.cuda.skeletons.gather import OUTSIDE


class Filters(NamedTuple):
    """Where the items of the matrix are, and which of the taps are taken: first + t * step.

    Attributes
    ----------
    lines : numpy.int32
        Lines of a group.
    group_step, row_step, line_step : numpy.int32
        Items from one group, row and line to the next.
    taps : numpy.int32
        Taps of a row of the window.
    first, step : Pair
        See above.
    """

    lines: np.int32
    group_step: np.int32
    row_step: np.int32
    line_step: np.int32
    taps: np.int32
    first: Pair
    step: Pair


def matrix_bytes(w_shape: tuple[int, ...], itemsize: int) -> int:
    """Bytes of the matrix at most, with `itemsize` bytes an item."""
    k, c, *taps = w_shape
    length = vector_length(itemsize)
    return max((k + length) * c, k * (c + length)) * math.prod(taps) * itemsize


def matrix_of(w: Any, groups: int, by_channel: bool) -> Any:
    """Filters (K, C/groups, R, S) as (groups, R*S, C/groups, lines), or with K/groups for C.

    The lines are side by side, and zeros follow them up to a multiple of a vector's length.
    """
    lines, others = _sizes(w, groups, by_channel)
    length = vector_length(w.itemsize)
    shape = groups, w.shape[2] * w.shape[3], others, blocks(lines, length) * length
    matrix = _new(w, shape, w.dtype, lines % length > 0)
    _fill(matrix[..., :lines], w, by_channel)
    return matrix


def line_matrix_of(w: Any, groups: int, by_channel: bool, dtype: Any, length: int) -> Any:
    """The same in a dtype with each line's items side by side.

    The channels (or filters) of each tap are filled up with zeros to a multiple of `length`.
    """
    lines, others = _sizes(w, groups, by_channel)
    shape = groups, lines, w.shape[2] * w.shape[3], blocks(others, length) * length
    matrix = _new(w, shape, dtype, others % length > 0).transpose(0, 2, 3, 1)
    _fill(matrix[:, :, :others], w, by_channel)
    return matrix


def _sizes(w: Any, groups: int, by_channel: bool) -> tuple[int, int]:
    """Lines of the matrix of a group, and rows of a tap."""
    filters, channels = w.shape[0] // groups, w.shape[1]
    return (channels, filters) if by_channel else (filters, channels)


def _new(w: Any, shape: tuple[int, ...], dtype: Any, has_gaps: bool) -> Any:
    xp = namespace_of(w)
    return (xp.zeros if has_gaps else xp.empty)(shape, dtype)


def _fill(matrix: Any, w: Any, by_channel: bool) -> None:
    groups, taps = matrix.shape[:2]
    order = (0, 2, 3, 1) if by_channel else (0, 3, 2, 1)
    copy(w.reshape(groups, len(w) // groups, w.shape[1], taps), matrix.transpose(order))


def filters_of(matrix: Any, lines: int, taps: int, first: Any, step: Any) -> Filters:
    """What a kernel has to know of a matrix with so many lines, for `taps` taps across."""
    group, _, row, line = (np.int32(s // matrix.itemsize) for s in matrix.strides)
    return Filters(np.int32(lines), group, row, line, np.int32(taps), pair(first), pair(step))


@device
def filter_line(m, group, filters):  # type: ignore[no-untyped-def]
    """Offset of a line, and where the one row and column of an image is: outside if too far."""
    offset = int32(group * filters.group_step + m * filters.line_step)
    return offset, int32(0) if m < filters.lines else int32(OUTSIDE), int32(0)


@device
def filter_step(q, filters, patches):  # type: ignore[no-untyped-def]
    """Offset of the row for row q of the patches."""
    c, r, s = tap_of(q, patches)
    r = filters.first.down + r * filters.step.down
    s = filters.first.across + s * filters.step.across
    row = (r * filters.taps + s) * patches.channels.size + c
    return int32(row * filters.row_step), int32(0), int32(0)
