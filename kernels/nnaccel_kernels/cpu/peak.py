"""Nothing but multiply-adds, to measure the limit that matrix products run against."""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from nnaccel_kernels.cpu.runtime.jit import njit
from nnaccel_kernels.cpu.runtime.simd import VECTOR_BYTES, Lanes, i64

CHAINS = 12  # independent sums: enough to hide the latency of each, few enough for the registers
FLOPS_PER_ROUND = 2 * CHAINS * VECTOR_BYTES // 4


@intrinsic
def _chains(typing, x, rounds):  # type: ignore[no-untyped-def]
    """Repeat sum = sum * x + x on every chain; gives the first lane of their total."""

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
        # Chains start apart, or the compiler would see that one is enough.
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
    """Run `rounds` (at least 1) of `FLOPS_PER_ROUND` operations; the result is worth nothing."""
    return _chains(x, rounds)
