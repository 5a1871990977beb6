"""Tiles of factors as tensor cores take them from shared memory, and the copies that fill them.

Pieces of 128 bits are copied. They are neighbours along the depth, and a tile has 64 bytes of each
line then, or neighbouring lines, and a tile has its lines at each depth. Pieces are swapped so that
what a warp reads at once is in different banks: `swizzle` is what their places are changed by.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from numba import int32

from nnaccel_kernels.cuda.runtime.index import device, is_below
from nnaccel_kernels.cuda.runtime.tensor_cores import LINE_BYTES, PIECE_BYTES, copy_ahead
from nnaccel_kernels.cuda.skeletons.gather import OUTSIDE, Factor

_PIECES = LINE_BYTES // PIECE_BYTES  # of a line


class Layout(NamedTuple):
    """Where a tile's pieces are, in bytes of shared memory.

    Attributes
    ----------
    apart : int
        Lines from one piece that a thread copies to its next.
    pitch : int
        Bytes from one depth to the next; 0 if lines are contiguous.
    slot : function
        Line, depth and byte of a thread's first piece.
    further : function
        Byte of piece i of a thread, from that of the first one.
    left, right : function
        Byte from which a lane reads the lines from a first one on, as the left or right factor of
        the tensor cores' products.
    """

    apart: int
    pitch: int
    slot: Any
    further: Any
    left: Any
    right: Any


class Copies(NamedTuple):
    """Device functions that copy a tile of a factor: so many pieces a thread.

    start computes the lines of a thread, and fetch begins to copy their pieces.
    """

    pieces: int
    start: Any
    fetch: Any


def layout(factor: Factor, lines: int, first_byte: int, threads: int, itemsize: int) -> Layout:
    """The layout of a tile of a factor, which begins at a byte of shared memory."""
    of = _by_depth if factor.vectors == "lines" else _by_line
    return of(lines, first_byte, threads, itemsize)


def copies(factor: Factor, lines: int, place: Layout, threads: int) -> Copies:
    """The functions for a factor with so many lines a tile."""
    line, step, size = map(device, (factor.line, factor.step, factor.size))
    count, apart, further = lines * _PIECES // threads, place.apart, place.further

    @device
    def start(first, group, args, offsets, rows, columns):  # type: ignore[no-untyped-def]
        for i in range(count):
            offsets[i], rows[i], columns[i] = line(int32(first + i * apart), group, args)

    @device
    def fetch(q, end, array, args, offsets, rows, columns, shared, to):  # type: ignore[no-untyped-def]
        offset, row, column = step(q, args)
        row = row if q < end else int32(OUTSIDE)
        height, width = size(args)
        for i in range(count):
            in_rows = is_below(int32(rows[i] + row), height)
            in_columns = is_below(int32(columns[i] + column), width)
            at = int32(offsets[i] + offset)
            copy_ahead(shared, further(to, i), array, at, in_rows & in_columns)

    return Copies(count, start, fetch)


def _by_line(lines: int, first_byte: int, threads: int, itemsize: int) -> Layout:
    """Piece p of line m is at place p ^ (m // 2 % 4) of the line."""
    items, apart = PIECE_BYTES // itemsize, threads // _PIECES

    @device
    def byte(m, piece):  # type: ignore[no-untyped-def]
        return int32(first_byte + m * LINE_BYTES + (piece ^ (m // 2 % 4)) * PIECE_BYTES)

    @device
    def slot(thread):  # type: ignore[no-untyped-def]
        m, piece = thread // _PIECES, thread % _PIECES
        return int32(m), int32(piece * items), byte(m, piece)

    @device
    def further(to, i):  # type: ignore[no-untyped-def]
        return int32(to + i * apart * LINE_BYTES)

    @device
    def left(lane, first):  # type: ignore[no-untyped-def]
        return byte(first + lane % 16, lane // 16)

    @device
    def right(lane, first):  # type: ignore[no-untyped-def]
        return byte(first + lane % 8 + lane // 16 * 8, lane // 8 % 2)

    return Layout(apart, 0, slot, further, left, right)


def _by_depth(lines: int, first_byte: int, threads: int, itemsize: int) -> Layout:
    """Piece p at depth q is at place p ^ (q % 8), or with 32 bits an item p ^ (q % 4 * 2)."""
    items, pitch = PIECE_BYTES // itemsize, lines * itemsize
    across = threads * itemsize // LINE_BYTES  # threads that copy one depth
    swizzles, by = (8, 1) if itemsize == 2 else (4, 2)

    @device
    def byte(q, piece):  # type: ignore[no-untyped-def]
        return int32(first_byte + q * pitch + (piece ^ (q % swizzles * by)) * PIECE_BYTES)

    @device
    def slot(thread):  # type: ignore[no-untyped-def]
        q, piece = thread // across, thread % across
        return int32(piece * items), int32(q), byte(q, piece)

    @device
    def further(to, i):  # type: ignore[no-untyped-def]
        return int32(to ^ (i * across * PIECE_BYTES))

    @device
    def left(lane, first):  # type: ignore[no-untyped-def]
        return byte(lane % 8 + lane // 16 * 8, first // 8 + lane // 8 % 2)

    @device
    def right(lane, first):  # type: ignore[no-untyped-def]
        return byte(lane % 8 + lane // 8 % 2 * 8, first // 8 + lane // 16)

    @device
    def word(lane, first):  # type: ignore[no-untyped-def]
        line = lane // 4
        return int32(byte(lane % 4, first // 4 + line // 4) + line % 4 * itemsize)

    reads = (left, right) if itemsize == 2 else (word, word)
    return Layout(items * across, pitch, slot, further, *reads)
