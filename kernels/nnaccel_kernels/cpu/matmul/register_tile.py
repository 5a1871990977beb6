"""The register tile, the innermost loop of a matrix product.

A tile of c, `ROWS` rows by `VECTORS` vectors, stays in registers. Each step of the sum loads a row
of b and broadcasts the elements of a column of a, one after the other [1]_. a may have any strides,
so a transposed a needs no copy, and its columns may lie in runs, such as the rows of a patch.

.. [1] K. Goto and R. A. van de Geijn, "Anatomy of high-performance matrix multiplication",
   ACM TOMS 34(3), 2008.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from nnaccel_kernels.cpu.vector.simd import REGISTERS, SCALARS, Lanes, i64, pointer, void

VECTORS = 2  # across a tile
ROWS = 6 if REGISTERS == 16 else 8  # down a tile: ROWS * VECTORS sums stay in registers

# Widths of a tile: all vectors, one vector, or fewer columns than a vector has lanes.
FULL, SINGLE, RAGGED = 2, 1, 0


def _function(module: ir.Module, dtype: types.Type, rows: int, width: int) -> ir.Function:
    """Emit the product for tiles of one shape, one below the other.

    The last vector of a full tile ends at the last column. It may overlap the one before, with the
    same sums. A ragged tile masks the lanes beyond its columns.
    """
    bit = ir.IntType(1)
    of_a = [pointer, i64, i64, i64, i64]
    arguments = [i64, i64, i64, *of_a, pointer, i64, bit, pointer, i64, pointer, i64]
    name = f"nnaccel_tile_{SCALARS[dtype][1]}_{rows}_{width}"
    function = ir.Function(module, ir.FunctionType(void, arguments), name)
    function.linkage = "internal"
    function.attributes.add("noinline")
    count, cols, k, a, a_row, a_step, runs, jump, b, b_step, begun, *ends = function.args
    s, s_row, c, c_row = ends
    names = ("entry", "tile", "run", "step", "turn", "done", "add", "write", "next", "leave")
    blocks = map(function.append_basic_block, names)
    entry, tile, run, step, turn, done, add, write, next_tile, leave = blocks
    builder = ir.IRBuilder(entry)
    v = Lanes(builder, dtype)
    mask = v.first(cols) if width == RAGGED else None
    across = [i64(0)]
    if width == FULL:
        across += [i64(i * v.count) for i in range(1, VECTORS - 1)]
        across += [builder.sub(cols, i64(v.count))]
    a_rows = [builder.mul(a_row, i64(i)) for i in range(rows + 1)]
    s_rows = [builder.mul(s_row, i64(i)) for i in range(rows + 1)]
    c_rows = [builder.mul(c_row, i64(i)) for i in range(rows + 1)]
    builder.cbranch(builder.icmp_signed(">", count, i64(0)), tile, leave)

    builder.position_at_end(tile)
    tiles, a_tile = builder.phi(i64), builder.phi(pointer)
    s_tile, c_tile = builder.phi(pointer), builder.phi(pointer)
    hidden = v.opaque(c_tile)
    for i in range(rows):
        v.prefetch(v.at(hidden, c_rows[i]))
        if width == FULL:  # a row of c may lie across two cache lines
            v.prefetch(v.at(hidden, builder.add(c_rows[i], builder.sub(cols, i64(1)))))
    builder.cbranch(builder.icmp_signed(">", k, i64(0)), run, done)

    builder.position_at_end(run)
    runs_left, a_run, b_run = builder.phi(i64), builder.phi(pointer), builder.phi(pointer)
    before = [builder.phi(v.type) for _ in range(rows * len(across))]
    builder.branch(step)

    builder.position_at_end(step)
    steps, a_now, b_now = builder.phi(i64), builder.phi(pointer), builder.phi(pointer)
    sums = [builder.phi(v.type) for _ in range(rows * len(across))]
    b_row = [v.load(v.at(b_now, offset), mask) for offset in across]
    column = v.opaque(a_now)
    later = []
    for i in range(rows):
        x = v.splat(builder.load(v.at(column, a_rows[i]), typ=v.scalar))
        row = sums[i * len(across) : (i + 1) * len(across)]
        later += [v.multiply_add(x, y, total) for y, total in zip(b_row, row, strict=True)]
    left, b_next = builder.sub(steps, i64(1)), v.at(b_now, b_step)
    _join(steps, (k, run), (left, step))
    _join(a_now, (a_run, run), (v.at(a_now, a_step), step))
    _join(b_now, (b_run, run), (b_next, step))
    for total, start, x in zip(sums, before, later, strict=True):
        _join(total, (start, run), (x, step))
    builder.cbranch(builder.icmp_signed(">", left, i64(0)), step, turn)

    builder.position_at_end(turn)
    left = builder.sub(runs_left, i64(1))
    _join(runs_left, (runs, tile), (left, turn))
    _join(a_run, (a_tile, tile), (v.at(a_run, jump), turn))
    _join(b_run, (b, tile), (b_next, turn))
    for start, x in zip(before, later, strict=True):
        _join(start, (v.zero, tile), (x, turn))
    builder.cbranch(builder.icmp_signed(">", left, i64(0)), run, done)

    builder.position_at_end(done)
    sums = [_join(builder.phi(v.type), (v.zero, tile), (x, turn)) for x in later]
    s_corner, corner = v.opaque(s_tile), v.opaque(c_tile)
    builder.cbranch(begun, add, write)
    for block in (add, write):
        builder.position_at_end(block)
        for i in range(rows):
            row = sums[i * len(across) : (i + 1) * len(across)]
            places = [v.at(corner, builder.add(c_rows[i], offset)) for offset in across]
            if block is add:  # load all before any store: vectors may overlap
                before = [
                    v.load(v.at(s_corner, builder.add(s_rows[i], offset)), mask)
                    for offset in across
                ]
                row = [builder.fadd(x, y) for x, y in zip(before, row, strict=True)]
            for p, x in zip(places, row, strict=True):
                if width == RAGGED:
                    v.store_first(x, p, cols)
                else:
                    v.store(x, p)
        builder.branch(next_tile)

    builder.position_at_end(next_tile)
    left = builder.sub(tiles, i64(1))
    _join(tiles, (count, entry), (left, next_tile))
    _join(a_tile, (a, entry), (v.at(a_tile, a_rows[rows]), next_tile))
    _join(s_tile, (s, entry), (v.at(s_tile, s_rows[rows]), next_tile))
    _join(c_tile, (c, entry), (v.at(c_tile, c_rows[rows]), next_tile))
    builder.cbranch(builder.icmp_signed(">", left, i64(0)), tile, leave)

    builder.position_at_end(leave)
    builder.ret_void()
    return function


def _join(phi: Any, *incoming: tuple[Any, ir.Block]) -> Any:
    for value, block in incoming:
        phi.add_incoming(value, block)
    return phi


@intrinsic
def tile(  # type: ignore[no-untyped-def]
    typing, rows, count, cols, k, a, a_row, a_step, runs, jump, b, b_step,
    begun, s, s_row, c, c_row,
):  # fmt: skip
    """c = a @ b, plus s if `begun`, for `count` tiles of `rows` rows, one below the other.

    a, b, c and s are pointers; strides count elements. A row of a has `runs` runs of k elements,
    which begin `jump` elements apart. b, c and s have consecutive columns, at most `VECTORS`
    vectors of them. s may be c. A kernel may have only one call of this.
    """
    n, dtype = types.int64, c.dtype

    def codegen(context: Any, builder: ir.IRBuilder, signature: Any, args: Any) -> Any:
        rows, count, cols, *rest = args
        lanes = i64(Lanes(builder, dtype).count)
        width = builder.add(
            builder.zext(builder.icmp_signed(">=", cols, lanes), i64),
            builder.zext(builder.icmp_signed(">", cols, lanes), i64),
        )
        end = builder.append_basic_block("tile.end")
        switch = builder.switch(builder.add(builder.mul(rows, i64(3)), width), end)
        for height in range(1, ROWS + 1):
            for case in (RAGGED, SINGLE, FULL):
                switch.add_case(i64(height * 3 + case), builder.append_basic_block("tile"))
                builder.position_at_end(switch.cases[-1][1])
                function = _function(builder.module, dtype, height, case)
                builder.call(function, [count, cols, *rest])
                builder.branch(end)
        builder.position_at_end(end)
        return context.get_dummy_value()

    return types.void(n, n, n, n, a, n, n, n, n, b, n, types.boolean, s, n, c, n), codegen
