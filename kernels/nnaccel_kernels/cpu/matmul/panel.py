"""Panels: some rows of b, a register tile wide, copied where they stay in the L1 cache."""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic, register_jitable

from nnaccel_kernels.cpu.matmul.register_tile import VECTORS
from nnaccel_kernels.cpu.vector.simd import VECTOR_BYTES, Lanes, i64

PANEL_ROWS = 256


@register_jitable
def blocks_of(k):  # type: ignore[no-untyped-def]
    """The number of blocks that a sum of k products is taken in."""
    return (k + PANEL_ROWS - 1) // PANEL_ROWS


@intrinsic
def panel_like(typing, x):  # type: ignore[no-untyped-def]
    """A pointer like x, to memory on the stack for `PANEL_ROWS` rows."""

    def codegen(context: Any, builder: ir.IRBuilder, signature: Any, args: Any) -> Any:
        memory = ir.ArrayType(ir.IntType(8), PANEL_ROWS * VECTORS * VECTOR_BYTES)
        with builder.goto_entry_block():
            panel = builder.alloca(memory)
        panel.align = 64
        return builder.bitcast(panel, args[0].type)

    return x(x), codegen


@intrinsic
def copy_panel_row(typing, x, y):  # type: ignore[no-untyped-def]
    """Copy one row of a panel from x to y."""

    def codegen(context: Any, builder: ir.IRBuilder, signature: Any, args: Any) -> Any:
        v = Lanes(builder, x.dtype)
        source, target = args
        for i in range(VECTORS):
            offset = i64(i * v.count)
            v.store(v.load(v.at(source, offset)), v.at(target, offset))
        return context.get_dummy_value()

    return types.void(x, y), codegen


@intrinsic
def prefetch(typing, x, offset):  # type: ignore[no-untyped-def]
    """Begin to bring the cache line at x[offset] to the L1 cache; it may lie outside of x."""

    def codegen(context: Any, builder: ir.IRBuilder, signature: Any, args: Any) -> Any:
        v = Lanes(builder, x.dtype)
        v.prefetch(v.at(*args))
        return context.get_dummy_value()

    return types.void(x, types.int64), codegen
