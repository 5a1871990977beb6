"""Products with few rows: b is read once, row after row, as it lies in memory.

Their time is that of reading b, which a register tile would read in narrow strips.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic, register_jitable

from nnaccel_kernels.cpu.matmul.panel import PANEL_ROWS, blocks_of
from nnaccel_kernels.cpu.matmul.register_tile import VECTORS
from nnaccel_kernels.cpu.vector.simd import SCALARS, VECTOR_BYTES, Lanes, i64, pointer, shift, void

FEW_ROWS = 15
BYTES_PER_ROW = 1 << 17  # of b for each row of a; a smaller b is faster by the tile
_ROWS, _STEPS = 2, 4  # of a at once: their broadcasts, and the rows of b, stay in registers


def _function(module: ir.Module, dtype: types.Type, rows: int, steps: int) -> ir.Function:
    """Emit y += a @ b for a (rows, steps): a loop over the columns of b and y."""
    kind = ir.FunctionType(void, [i64, pointer, i64, pointer, i64, pointer, i64])
    name = f"nnaccel_few_rows_{SCALARS[dtype][1]}_{rows}_{steps}"
    function = ir.Function(module, kind, name)
    function.linkage = "internal"
    function.attributes.add("noinline")
    cols, a, a_row, b, b_step, y, y_row = function.args
    entry, loop, rest, leave = map(function.append_basic_block, ("entry", "loop", "rest", "leave"))
    builder = ir.IRBuilder(entry)
    v = Lanes(builder, dtype)
    factors = []
    for i in range(rows):
        row = v.at(a, builder.mul(a_row, i64(i)))
        factors.append(
            [v.splat(builder.load(v.at(row, i64(t)), typ=v.scalar)) for t in range(steps)]
        )
    b_rows = [v.at(b, builder.mul(b_step, i64(t))) for t in range(steps)]
    y_rows = [v.at(y, builder.mul(y_row, i64(i))) for i in range(rows)]
    whole = builder.and_(cols, i64(-v.count))

    def add(column: Any, mask: Any) -> None:
        lines = [v.load(v.at(row, column), mask) for row in b_rows]
        for row, of_row in zip(y_rows, factors, strict=True):
            total = v.load(v.at(row, column), mask)
            for factor, line in zip(of_row, lines, strict=True):
                total = v.multiply_add(factor, line, total)
            v.store(total, v.at(row, column), mask)

    builder.cbranch(builder.icmp_signed(">", whole, i64(0)), loop, rest)
    builder.position_at_end(loop)
    column = builder.phi(i64)
    add(column, None)
    following = builder.add(column, i64(v.count))
    column.add_incoming(i64(0), entry)
    column.add_incoming(following, loop)
    builder.cbranch(builder.icmp_signed("<", following, whole), loop, rest)
    builder.position_at_end(rest)
    some = builder.append_basic_block("some")
    builder.cbranch(builder.icmp_signed("<", whole, cols), some, leave)
    builder.position_at_end(some)
    add(whole, v.first(builder.sub(cols, whole)))
    builder.branch(leave)
    builder.position_at_end(leave)
    builder.ret_void()
    return function


@intrinsic
def _add_product(typing, rows, steps, cols, a, a_row, b, b_step, y, y_row):  # type: ignore[no-untyped-def]
    """y += a @ b, for a with 1 or `_ROWS` rows and 1 or `_STEPS` contiguous columns."""
    n, dtype = types.int64, y.dtype

    def codegen(context: Any, builder: ir.IRBuilder, signature: Any, args: Any) -> Any:
        rows, steps, *rest = args
        end = builder.append_basic_block("few.end")
        switch = builder.switch(builder.add(builder.mul(rows, i64(_STEPS + 1)), steps), end)
        for height in (1, _ROWS):
            for length in (1, _STEPS):
                case = builder.append_basic_block("few")
                switch.add_case(i64(height * (_STEPS + 1) + length), case)
                builder.position_at_end(case)
                builder.call(_function(builder.module, dtype, height, length), rest)
                builder.branch(end)
        builder.position_at_end(end)
        return context.get_dummy_value()

    return types.void(n, n, n, a, n, b, n, y, n), codegen


@register_jitable
def is_few(rows, cols, k, lanes):  # type: ignore[no-untyped-def]
    """Whether (rows, k) @ (k, cols) is faster by rows of b than by tiles."""
    enough = k * cols * (VECTOR_BYTES // lanes) >= rows * BYTES_PER_ROW
    return rows <= FEW_ROWS and cols >= 8 * lanes and enough


@register_jitable
def few_rows_product(  # type: ignore[no-untyped-def]
    lanes, rows, cols, k, a, a_row, b, b_step, begun, s, s_row, s_col, c, c_row, sums
):
    """`_product` for few rows; `sums` points to a panel."""
    blocks = max(1, blocks_of(k))
    wide = PANEL_ROWS * VECTORS // max(1, rows) * lanes
    for block in range(blocks):
        start = block * k // blocks
        steps = (block + 1) * k // blocks - start
        for left in range(0, cols, wide):
            across = min(wide, cols - left)
            some_b = shift(b, start * b_step + left)
            _sum(rows, across, steps, shift(a, start), a_row, some_b, b_step, sums, wide)
            for i in range(rows):
                target, total = shift(c, i * c_row + left), shift(sums, i * wide)
                before, step = (target, 1) if block else (shift(s, i * s_row + left * s_col), s_col)
                if begun or block:
                    for j in range(across):
                        target[j] = before[j * step] + total[j]
                else:
                    for j in range(across):
                        target[j] = total[j]


@register_jitable
def _sum(rows, cols, steps, a, a_row, b, b_step, sums, pitch):  # type: ignore[no-untyped-def]
    """sums = a @ b, for pointers; rows of sums are `pitch` elements apart."""
    for at in range(rows * pitch):
        sums[at] = 0
    t = 0
    while t < steps:
        length = _STEPS if t + _STEPS <= steps else 1
        line = shift(b, t * b_step)
        i = 0
        while i < rows:
            height = _ROWS if i + _ROWS <= rows else 1
            corner, target = shift(a, i * a_row + t), shift(sums, i * pitch)
            _add_product(height, length, cols, corner, a_row, line, b_step, target, pitch)
            i += height
        t += length
