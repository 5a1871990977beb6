"""Transposition of a matrix, which is what turns planes of channels into channels-last pixels."""

from __future__ import annotations

from numba.extending import register_jitable

from nnaccel_kernels.cpu.runtime.linked import linked
from nnaccel_kernels.cpu.runtime.simd import VECTOR_BYTES, shift, transpose


def _turn_in_python(lanes, rows, cols, x, x_at, x_row, y, y_at, y_row):  # type: ignore[no-untyped-def]
    """`_turn` without the JIT."""
    x, y = x.reshape(-1), y.reshape(-1)
    for i in range(rows):
        start = x_at + i * x_row
        for j in range(cols):
            y[y_at + j * y_row + i] = x[start + j]


@linked("iiipipi", _turn_in_python)
def _turn(lanes, rows, cols, x, x_row, y, y_row):  # type: ignore[no-untyped-def]
    """y (cols, rows) = x (rows, cols) transposed, in squares; the last ones overlap others."""
    if rows < lanes or cols < lanes:
        long, short = max(rows, cols), min(rows, cols)
        for i in range(short):
            for j in range(long):
                row, col = (i, j) if rows < cols else (j, i)
                y[col * y_row + row] = x[row * x_row + col]
        return
    for column in range(0, cols, lanes):
        j = min(column, cols - lanes)
        for row in range(0, rows, lanes):
            i = min(row, rows - lanes)
            source, target = shift(x, i * x_row + j), shift(y, j * y_row + i)
            transpose(lanes, lanes, source, x_row, target, y_row)


@register_jitable
def turn(rows, cols, x, x_at, x_row, y, y_at, y_row):  # type: ignore[no-untyped-def]
    """y (cols, rows) = x (rows, cols) transposed; each begins at element `x_at` of its array."""
    _turn(VECTOR_BYTES // y.itemsize, rows, cols, x, x_at, x_row, y, y_at, y_row)
