"""Dot products of a plane with the planes under several taps, for use inside kernels."""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir
from numba import config, types
from numba.core.cgutils import alloca_once_value, for_range, for_range_slice
from numba.extending import intrinsic

from nnaccel_kernels.cpu.vector.simd import SCALARS, Lanes, element, i64, pointer, void

TAPS = 9  # at a time: so many sums stay in registers


def _function(module: ir.Module, dtype: types.Type) -> ir.Function:
    """Emit f(rows, count, dy, dy_row, x, x_row, offsets, sums)."""
    name = f"nnaccel_tap_dots_{SCALARS[dtype][1]}"
    if name in module.globals:
        return module.globals[name]
    kind = ir.FunctionType(void, [i64, i64, pointer, i64, pointer, i64, pointer, pointer])
    function = ir.Function(module, kind, name)
    function.linkage = "internal"
    function.attributes.add("noinline")
    rows, count, dy, dy_row, x, x_row, offsets, sums = function.args
    builder = ir.IRBuilder(function.append_basic_block("entry"))
    v = Lanes(builder, dtype)
    shifted = [
        v.at(x, builder.load(builder.gep(offsets, [i64(t)], source_etype=i64), typ=i64))
        for t in range(TAPS)
    ]
    totals = [alloca_once_value(builder, v.zero) for _ in range(TAPS)]
    whole = builder.sub(count, builder.srem(count, i64(v.count)))
    mask = v.first(builder.sub(count, whole))

    def add(row: Any, first: Any, mask: Any = None) -> None:
        gradient = v.load(v.at(dy, builder.add(builder.mul(row, dy_row), first)), mask)
        at = builder.add(builder.mul(row, x_row), first)
        for pixels, total in zip(shifted, totals, strict=True):
            taken = v.load(v.at(pixels, at), mask)
            before = builder.load(total, typ=v.type)
            builder.store(v.multiply_add(gradient, taken, before), total)

    with for_range(builder, rows, intp=i64) as row:
        with for_range_slice(builder, i64(0), whole, i64(v.count), i64) as (first, _):
            add(row.index, first)
        with builder.if_then(builder.icmp_signed("<", whole, count)):
            add(row.index, whole, mask)
    for t, total in enumerate(totals):
        place = v.at(sums, i64(t))
        result = builder.load(place, typ=v.scalar)
        vector = builder.load(total, typ=v.type)
        for lane in range(v.count):
            result = builder.fadd(result, builder.extract_element(vector, ir.IntType(32)(lane)))
        builder.store(result, builder.bitcast(place, v.scalar.as_pointer()))
    builder.ret_void()
    return function


@intrinsic
def tap_dots(typing, rows, count, dy, dy_at, dy_row, x, x_at, x_row, offsets, first, sums, at):  # type: ignore[no-untyped-def]
    """sums[at + t] += sum(dy * x moved by offsets[first + t]) for t below `TAPS`.

    The sums are over rows of `count` elements, `dy_row` and `x_row` apart.
    """
    i8 = types.int64

    def codegen(context: Any, builder: ir.IRBuilder, signature: Any, args: Any) -> Any:
        rows, count, dy_, dy_at, dy_row, x_, x_at, x_row, offsets_, first, sums_, at = args
        arrays = ((dy, dy_, dy_at), (x, x_, x_at), (offsets, offsets_, first), (sums, sums_, at))
        gradient, pixels, taps, totals = (element(context, builder, *array) for array in arrays)
        function = _function(builder.module, sums.dtype)
        builder.call(function, [rows, count, gradient, dy_row, pixels, x_row, taps, totals])
        return context.get_dummy_value()

    return types.void(i8, i8, dy, i8, i8, x, i8, i8, offsets, i8, sums, i8), codegen


def _in_python(rows, count, dy, dy_at, dy_row, x, x_at, x_row, offsets, first, sums, at):  # type: ignore[no-untyped-def]
    """`tap_dots` without the JIT."""
    row, column = np.arange(rows)[:, None], np.arange(count)
    gradient = dy.reshape(-1)[dy_at + row * dy_row + column]
    for t in range(TAPS):
        pixels = x.reshape(-1)[x_at + offsets[first + t] + row * x_row + column]
        sums[at + t] += (gradient * pixels).sum()


if config.DISABLE_JIT:
    tap_dots = _in_python
