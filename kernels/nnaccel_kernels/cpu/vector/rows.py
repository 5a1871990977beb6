"""Copies of rows, a whole number of vectors at a time although rows are short."""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir
from numba import config, types
from numba.core.cgutils import for_range, for_range_slice
from numba.extending import intrinsic

from nnaccel_kernels.cpu.vector.simd import SCALARS, VECTOR_BYTES, element, i64, pointer, void


def _function(module: ir.Module, dtype: types.Type) -> ir.Function:
    """Emit f(rows, count, x, x_row, y, y_row, number)."""
    scalar, name = SCALARS[dtype]
    name = f"nnaccel_add_to_rows_{name}"
    if name in module.globals:
        return module.globals[name]
    function = ir.Function(
        module, ir.FunctionType(void, [i64, i64, pointer, i64, pointer, i64, scalar]), name
    )
    function.linkage = "internal"
    function.attributes.add("noinline")
    rows, count, x, x_row, y, y_row, number = function.args
    builder = ir.IRBuilder(function.append_basic_block("entry"))
    align = dtype.bitwidth // 8

    def add(row: Any, first: Any, lanes: int) -> None:
        vector = ir.VectorType(scalar, lanes)
        source = builder.gep(x, [builder.add(builder.mul(row, x_row), first)], source_etype=scalar)
        target = builder.gep(y, [builder.add(builder.mul(row, y_row), first)], source_etype=scalar)
        undefined, zeros = ir.Constant(vector, ir.Undefined), ir.VectorType(ir.IntType(32), lanes)
        numbers = builder.insert_element(undefined, number, ir.IntType(32)(0))
        numbers = builder.shuffle_vector(numbers, undefined, ir.Constant(zeros, [0] * lanes))
        total = builder.fadd(builder.load(source, typ=vector, align=align), numbers)
        builder.store(total, builder.bitcast(target, vector.as_pointer()), align=align)

    def emit(lanes: int) -> None:
        """Emit all rows in vectors of so many lanes, or shorter ones where rows are shorter.

        The last vector of a row overlaps the one before: what it writes once more is the same.
        """
        wide = i64(lanes)
        with builder.if_else(builder.icmp_signed(">=", count, wide)) as (enough, fewer):
            with enough:
                last = builder.sub(count, wide)
                with for_range(builder, rows, intp=i64) as row:
                    with for_range_slice(builder, i64(0), last, wide, i64) as (first, _):
                        add(row.index, first, lanes)
                    add(row.index, last, lanes)
            with fewer:
                if lanes > 1:
                    emit(lanes // 2)

    emit(VECTOR_BYTES // align)
    builder.ret_void()
    return function


@intrinsic
def add_to_rows(typing, rows, count, x, x_at, x_row, y, y_at, y_row, number):  # type: ignore[no-untyped-def]
    """y = x + number, for rows of `count` elements, `x_row` and `y_row` apart.

    They begin at x[x_at] and y[y_at].
    """
    i8 = types.int64

    def codegen(context: Any, builder: ir.IRBuilder, signature: Any, args: Any) -> Any:
        rows, count, x_, x_at, x_row, y_, y_at, y_row, number = args
        source = element(context, builder, x, x_, x_at)
        target = element(context, builder, y, y_, y_at)
        function = _function(builder.module, y.dtype)
        builder.call(function, [rows, count, source, x_row, target, y_row, number])
        return context.get_dummy_value()

    return types.void(i8, i8, x, i8, i8, y, i8, i8, y.dtype), codegen


def _in_python(
    rows: int, count: int, x: Any, x_at: int, x_row: int, y: Any, y_at: int, y_row: int, number: Any
) -> None:
    """`add_to_rows` without the JIT."""
    row, column = np.arange(rows)[:, None], np.arange(count)
    values = x.reshape(-1)[x_at + row * x_row + column]
    y.reshape(-1)[y_at + row * y_row + column] = values + number


if config.DISABLE_JIT:
    add_to_rows = _in_python
