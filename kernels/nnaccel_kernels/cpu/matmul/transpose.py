"""Matrix transposition, which also turns planes of channels into channels-last pixels."""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic, register_jitable

from nnaccel_kernels.cpu.runtime.linked import linked
from nnaccel_kernels.cpu.vector.simd import (
    SCALARS,
    VECTOR_BYTES,
    Lanes,
    i64,
    pointer,
    shift,
    void,
)

FULL, RAGGED, THIN = range(3)  # squares: whole, of fewer columns, or of fewer rows or columns
_FEW = 6  # rows or columns: with fewer, a loop over elements is as fast


def _square(module: ir.Module, dtype: types.Type, kind: int) -> Any:
    """Emit the transposition of a square of vectors, by swaps of ever smaller blocks."""
    signature = ir.FunctionType(void, [i64, i64, pointer, i64, pointer, i64])
    name = f"nnaccel_transpose_square_{SCALARS[dtype][1]}_{kind}"
    if name in module.globals:
        return module.globals[name]
    function = ir.Function(module, signature, name)
    function.linkage = "internal"
    function.attributes.add("noinline")
    rows, cols, x, x_row, y, y_row = function.args
    builder = ir.IRBuilder(function.append_basic_block("entry"))
    v = Lanes(builder, dtype)
    mask = v.first(cols) if kind != FULL else None
    last = builder.sub(rows, i64(1))
    square = []
    for i in range(v.count):
        inside = builder.icmp_signed("<", i64(i), last)
        row = builder.select(inside, i64(i), last)
        square.append(v.load(v.at(x, builder.mul(row, x_row)), mask))
    half = v.count // 2
    while half:
        low = [lane if not lane & half else lane - half + v.count for lane in range(v.count)]
        high = [lane + half if not lane & half else lane + v.count for lane in range(v.count)]
        for i in range(v.count):
            if not i & half:
                upper, lower = square[i], square[i | half]
                square[i] = v.shuffle(upper, lower, low)
                square[i | half] = v.shuffle(upper, lower, high)
        half //= 2
    targets = [v.at(y, builder.mul(y_row, i64(i))) for i in range(v.count)]
    if kind == THIN:
        _store_thin(v, square, targets, rows, cols)
    else:
        for row, target in zip(square, targets, strict=True):
            v.store(row, target)
        builder.ret_void()
    return function


def _store_thin(v: Lanes, square: list[Any], targets: list[Any], rows: Any, cols: Any) -> None:
    """Emit stores of the first `rows` lanes of the first `cols` vectors, and the return."""
    builder = v.builder
    leave = builder.append_basic_block("leave")
    whole, few = (builder.append_basic_block(name) for name in ("whole", "few"))
    builder.cbranch(builder.icmp_signed("<", rows, i64(v.count)), few, whole)
    for block in (whole, few):
        builder.position_at_end(block)
        for i, (row, target) in enumerate(zip(square, targets, strict=True)):
            if block is few:
                v.store_first(row, target, rows)
            else:
                v.store(row, target)
            following = builder.append_basic_block("row")
            builder.cbranch(builder.icmp_signed(">", cols, i64(i + 1)), following, leave)
            builder.position_at_end(following)
        builder.branch(leave)
    builder.position_at_end(leave)
    builder.ret_void()


@intrinsic
def transpose_square(typing, rows, cols, x, x_row, y, y_row):  # type: ignore[no-untyped-def]
    """y[j, i] = x[i, j] for one square of vectors, of which x has `rows` rows and `cols` columns.

    The whole square of y is written.
    """
    i8, dtype = types.int64, x.dtype

    def codegen(context: Any, builder: ir.IRBuilder, signature: Any, args: Any) -> Any:
        lanes = i64(Lanes(builder, dtype).count)
        with builder.if_else(builder.icmp_signed("<", args[1], lanes)) as branches:
            for kind, branch in zip((RAGGED, FULL), branches, strict=True):
                with branch:
                    builder.call(_square(builder.module, dtype, kind), args)
        return context.get_dummy_value()

    return types.void(i8, i8, x, i8, y, i8), codegen


@intrinsic
def _transpose_thin(typing, rows, cols, x, x_row, y, y_row):  # type: ignore[no-untyped-def]
    """y[j, i] = x[i, j] for at most a vector's `rows` and `cols`; nothing else is written."""
    i8, dtype = types.int64, x.dtype

    def codegen(context: Any, builder: ir.IRBuilder, signature: Any, args: Any) -> Any:
        builder.call(_square(builder.module, dtype, THIN), args)
        return context.get_dummy_value()

    return types.void(i8, i8, x, i8, y, i8), codegen


def _transpose_in_python(lanes, rows, cols, x, x_at, x_row, y, y_at, y_row):  # type: ignore[no-untyped-def]
    """`_transpose` without the JIT."""
    x, y = x.reshape(-1), y.reshape(-1)
    for i in range(rows):
        start = x_at + i * x_row
        for j in range(cols):
            y[y_at + j * y_row + i] = x[start + j]


@linked("iiipipi", _transpose_in_python)
def _transpose(lanes, rows, cols, x, x_row, y, y_row):  # type: ignore[no-untyped-def]
    """y (cols, rows) = x.T in squares of vectors; the last squares overlap those before."""
    long, short = max(rows, cols), min(rows, cols)
    if short < min(lanes, _FEW):
        for i in range(short):
            for j in range(long):
                row, col = (i, j) if rows < cols else (j, i)
                y[col * y_row + row] = x[row * x_row + col]
        return
    for column in range(0, cols, lanes):
        j = max(0, min(column, cols - lanes))
        for row in range(0, rows, lanes):
            i = max(0, min(row, rows - lanes))
            source, target = shift(x, i * x_row + j), shift(y, j * y_row + i)
            if short < lanes:
                high, wide = min(rows, lanes), min(cols, lanes)
                _transpose_thin(high, wide, source, x_row, target, y_row)
            else:
                transpose_square(lanes, lanes, source, x_row, target, y_row)


@register_jitable
def transpose(rows, cols, x, x_at, x_row, y, y_at, y_row):  # type: ignore[no-untyped-def]
    """y (cols, rows) = x.T for x (rows, cols); they begin at x[x_at] and y[y_at]."""
    _transpose(VECTOR_BYTES // y.itemsize, rows, cols, x, x_at, x_row, y, y_at, y_row)
