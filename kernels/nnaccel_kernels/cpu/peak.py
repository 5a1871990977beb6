"""Multiply-adds alone, to measure the peak rate of matrix products."""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from nnaccel_kernels.cpu.runtime.jit import njit
from nnaccel_kernels.cpu.vector.simd import VECTOR_BYTES, Lanes, i64

CHAINS = 12  # independent sums: enough to hide latency, and all stay in registers
FLOPS_PER_ROUND = 2 * CHAINS * VECTOR_BYTES // 4


@intrinsic
def _chains(typing, x, rounds):  # type: ignore[no-untyped-def]
    """Repeat sum = sum * x + x in every chain; returns the first lane of their total."""

    def codegen(context: Any, builder: ir.IRBuilder, signature: Any, args: Any) -> Any:
        scalar, rounds = args
        v = Lanes(builder, types.float32)
        x = v.splat(scalar)
        entry, loop, done = builder.block, *map(builder.append_basic_block, ("loop", "done"))
        builder.branch(loop)
        builder.position_at_end(loop)
        step, sums = builder.phi(i64), [builder.phi(v.type) for _ in range(CHAINS)]
        new = [v.multiply_add(chain, x, x) for chain in sums]
        following = builder.add(step, i64(1))
        # Chains start with different values: equal ones would be merged by the compiler.
        starts = [ir.Constant(v.type, [float(i)] * v.count) for i in range(CHAINS)]
        for phi, first, later in zip(
            [step, *sums], [i64(0), *starts], [following, *new], strict=True
        ):
            phi.add_incoming(first, entry)
            phi.add_incoming(later, loop)
        builder.cbranch(builder.icmp_signed("<", following, rounds), loop, done)
        builder.position_at_end(done)
        total = new[0]
        for chain in new[1:]:
            total = builder.fadd(total, chain)
        return builder.extract_element(total, ir.IntType(32)(0))

    return types.float32(types.float32, types.int64), codegen


@njit(nogil=True, cache=True)
def multiply_adds(x, rounds):  # type: ignore[no-untyped-def]
    """Run `rounds` (at least 1) times `FLOPS_PER_ROUND` operations; the result has no meaning."""
    return _chains(x, rounds)
