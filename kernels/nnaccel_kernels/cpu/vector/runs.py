"""Loops over runs, elements that lie one after the other in memory."""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import config, types
from numba.core.cgutils import get_or_insert_function
from numba.extending import intrinsic

from nnaccel_kernels.cpu.runtime.jit import njit
from nnaccel_kernels.cpu.vector.simd import element, i64, pointer, void


@njit(nogil=True, inline="always")
def add_to(a, b):  # type: ignore[no-untyped-def]
    """a += b, for arrays of one axis."""
    for j in range(a.size):
        a[j] += b[j]


#: Compiles a sum of many numbers, which LLVM may then take in several lanes.
in_lanes = njit(nogil=True, cache=True, fastmath={"reassoc"})


@in_lanes
def sum_of(x):  # type: ignore[no-untyped-def]
    """The sum of an array of one axis, in its own precision."""
    total = x.dtype.type(0)
    for j in range(x.size):
        total += x[j]
    return total


@in_lanes
def sum_in_double(x):  # type: ignore[no-untyped-def]
    """The sum of an array of one axis, in double precision."""
    total = 0.0
    for j in range(x.size):
        total += x[j]
    return total


@in_lanes
def dot_of(x, y):  # type: ignore[no-untyped-def]
    """The dot product of arrays of one axis, in their own precision."""
    total = x.dtype.type(0)
    for j in range(x.size):
        total += x[j] * y[j]
    return total


def _copy_in_python(count: int, x: Any, x_at: int, y: Any, y_at: int) -> None:
    """`copy_run` without the JIT."""
    y.reshape(-1)[y_at : y_at + count] = x.reshape(-1)[x_at : x_at + count]


@intrinsic
def copy_run(typing, count, x, x_at, y, y_at):  # type: ignore[no-untyped-def]
    """y[y_at : y_at + count] = x[x_at : x_at + count], which must not overlap.

    Numba takes seconds to compile that assignment.
    """
    i8 = types.int64

    def codegen(context: Any, builder: ir.IRBuilder, signature: Any, args: Any) -> Any:
        count, x_, x_at, y_, y_at = args
        source = element(context, builder, x, x_, x_at)
        target = element(context, builder, y, y_, y_at)
        size = builder.mul(count, i64(y.dtype.bitwidth // 8))
        bit = ir.IntType(1)
        kind = ir.FunctionType(void, [pointer, pointer, i64, bit])
        memcpy = get_or_insert_function(builder.module, kind, "llvm.memcpy.p0.p0.i64")
        builder.call(memcpy, [target, source, size, bit(0)])
        return context.get_dummy_value()

    return types.void(i8, x, i8, y, i8), codegen


if config.DISABLE_JIT:
    copy_run = _copy_in_python
