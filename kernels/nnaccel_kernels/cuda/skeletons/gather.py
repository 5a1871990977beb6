"""Fills tiles in shared memory with a factor of a product that is given by functions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from numba import int32

from nnaccel_kernels.cuda.runtime.index import device, is_below
from nnaccel_kernels.cuda.runtime.tile_memory import load_items, put_items
from nnaccel_kernels.cuda.skeletons.tile import Tile

OUTSIDE = -(1 << 30)  # a row of a line or a step that is in no image


class Factor(NamedTuple):
    """A matrix whose elements are pixels of images in memory, or 0 beside them.

    line(m, group, args) is for a row of the left factor, or a column of the right one, and
    step(q, args) for an index along the depth: each returns an offset into the array and a row and
    a column of an image, and the element is where the sums of both point. size(args) returns the
    height and width of the images.

    Attributes
    ----------
    line, step, size : function
        See above.
    vectors : str
        'lines' or 'depth' if whole vectors of neighbours along them are also neighbours in memory,
        with the same row and column, else ''.
    by_depth : bool
        Whether neighbouring threads load neighbours along the depth rather than along the lines.
    """

    line: Any
    step: Any
    size: Any
    vectors: str
    by_depth: bool


class Gather(NamedTuple):
    """Device functions that fill a tile of a factor.

    Attributes
    ----------
    numbers, lines : int
        Registers of a thread, for what it has fetched and for each of offset, row and column.
    slot : function
        Depth and line of a thread's first number in the tile.
    start, fetch, put : function
        Compute the lines; load from global memory into registers; write those to the tile.
    """

    numbers: int
    lines: int
    slot: Callable[..., Any]
    start: Callable[..., Any]
    fetch: Callable[..., Any]
    put: Callable[..., Any]


def gather(factor: Factor, lines: int, width: int, tile: Tile, length: int) -> Gather:
    """The functions for a factor with `lines` lines a tile, `width` apart along the depth."""
    line, step, size = map(device, (factor.line, factor.step, factor.size))
    by_depth = factor.by_depth
    deep = length if factor.vectors == "depth" else 1  # numbers that a thread loads at once
    wide = length if factor.vectors == "lines" else 1
    steps = tile.depth // deep
    lanes = tile.threads // steps
    count = lines // wide // lanes
    load, put_vector, put_one = load_items(deep * wide), put_items(wide), put_items(1)

    @device
    def slot(thread):  # type: ignore[no-untyped-def]
        if by_depth:
            return int32(thread % steps * deep), int32(thread // steps * wide)
        return int32(thread // lanes * deep), int32(thread % lanes * wide)

    @device
    def start(first, group, args, offsets, rows, columns):  # type: ignore[no-untyped-def]
        for i in range(count):
            m = int32(first + i * lanes * wide)
            offsets[i], rows[i], columns[i] = line(m, group, args)

    @device
    def fetch(q, end, array, args, offsets, rows, columns, numbers):  # type: ignore[no-untyped-def]
        offset, row, column = step(q, args)
        row = row if q < end else int32(OUTSIDE)
        height, width = size(args)
        for i in range(count):
            in_rows = is_below(int32(rows[i] + row), height)
            in_columns = is_below(int32(columns[i] + column), width)
            at = int32(offsets[i] + offset)
            load(array, at, in_rows & in_columns, numbers, i * deep * wide)

    @device
    def put(shared, first, numbers):  # type: ignore[no-untyped-def]
        for i in range(count):
            at = int32(first + i * lanes * wide)
            if wide > 1:
                put_vector(shared, at, numbers, i * wide)
            else:
                for e in range(deep):
                    put_one(shared, int32(at + e * width), numbers, i * deep + e)

    return Gather(count * deep * wide, count, slot, start, fetch, put)
