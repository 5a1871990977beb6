"""Transposition of a matrix, which is what turns planes of channels into channels-last pixels."""

from __future__ import annotations

from typing import Any

import llvmlite.binding as llvm
from llvmlite import ir
from numba import cfunc, config, types
from numba.core.cgutils import get_or_insert_function
from numba.extending import intrinsic

from nnaccel_kernels.cpu._simd import VECTOR_BYTES, element, i64, shift, transpose


def _turn(lanes, rows, cols, x, x_row, y, y_row):  # type: ignore[no-untyped-def]
    """y (cols, rows) = x (rows, cols) transposed, in squares; the last ones overlap others."""
    if rows < lanes or cols < lanes:
        for j in range(cols):
            for i in range(rows):
                y[j * y_row + i] = x[i * x_row + j]
        return
    for column in range(0, cols, lanes):
        j = min(column, cols - lanes)
        for row in range(0, rows, lanes):
            i = min(row, rows - lanes)
            source, target = shift(x, i * x_row + j), shift(y, j * y_row + i)
            transpose(lanes, lanes, source, x_row, target, y_row)


def _register(dtype: types.Type) -> Any:
    """Compile `_turn` once, under a name that every kernel's machine code can call."""
    i8, p = types.int64, types.CPointer(dtype)
    compiled = cfunc(types.void(i8, i8, i8, p, i8, p, i8), cache=True, error_model="numpy")(_turn)
    llvm.add_symbol(f"nnaccel_turn_{dtype}", compiled.address)
    return compiled


def _turn_in_python(rows, cols, x, x_at, x_row, y, y_at, y_row):  # type: ignore[no-untyped-def]
    """`turn` without the JIT."""
    x, y = x.reshape(-1), y.reshape(-1)
    for i in range(rows):
        start = x_at + i * x_row
        for j in range(cols):
            y[y_at + j * y_row + i] = x[start + j]


@intrinsic
def turn(typing, rows, cols, x, x_at, x_row, y, y_at, y_row):  # type: ignore[no-untyped-def]
    """`_turn` on arrays: each matrix starts at element `x_at` of its array."""
    i8, dtype = types.int64, y.dtype

    def codegen(context: Any, builder: ir.IRBuilder, signature: Any, args: Any) -> Any:
        rows, cols, x_, x_at, x_row, y_, y_at, y_row = args
        lanes = i64(VECTOR_BYTES * 8 // dtype.bitwidth)
        source = element(context, builder, x, x_, x_at)
        target = element(context, builder, y, y_, y_at)
        arguments = [lanes, rows, cols, source, x_row, target, y_row]
        kind = ir.FunctionType(ir.VoidType(), [a.type for a in arguments])
        function = get_or_insert_function(builder.module, kind, f"nnaccel_turn_{dtype}")
        builder.call(function, arguments)
        return context.get_dummy_value()

    return types.void(i8, i8, x, i8, i8, y, i8, i8), codegen


if config.DISABLE_JIT:
    turn = _turn_in_python
else:
    _COMPILED = [_register(types.float32), _register(types.float64)]
