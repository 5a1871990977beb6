"""Loops over runs, elements that lie one after the other in memory."""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import config, types
from numba.core import cgutils
from numba.core.cgutils import get_or_insert_function
from numba.extending import intrinsic

from nnaccel_kernels.cpu.runtime.jit import njit
from nnaccel_kernels.cpu.vector.simd import SCALARS, Lanes, element, i64, pointer, void


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


_AT_ONCE = 4  # vectors, so that a maximum does not wait for the one before


def _largest(module: ir.Module, dtype: types.Type) -> ir.Function:
    """Emit f(count, x), the largest of some numbers; LLVM's own takes ten times as long."""
    scalar, name = SCALARS[dtype]
    name = f"nnaccel_largest_{name}"
    if name in module.globals:
        return module.globals[name]
    function = ir.Function(module, ir.FunctionType(scalar, [i64, pointer]), name)
    function.linkage = "internal"
    function.attributes.add("noinline")
    count, x = function.args
    builder = ir.IRBuilder(function.append_basic_block("entry"))
    v = Lanes(builder, dtype)
    wide, together = i64(v.count), i64(_AT_ONCE * v.count)

    def larger(a: Any, b: Any) -> Any:
        """The larger one; b if either is NaN."""
        return builder.select(builder.fcmp_ordered(">", a, b), a, b)

    def note(best: Any, number: Any) -> None:
        builder.store(larger(number, builder.load(best)), best)

    first = builder.load(x, typ=scalar, align=v.align)
    bests = [cgutils.alloca_once_value(builder, v.splat(first)) for _ in range(_AT_ONCE)]
    whole = builder.and_(count, builder.neg(together))
    with cgutils.for_range_slice(builder, i64(0), whole, together, i64) as (at, _):
        for number, best in enumerate(bests):
            note(best, v.load(v.at(x, builder.add(at, i64(number * v.count)))))
    with cgutils.for_range_slice(builder, whole, count, wide, i64) as (at, _):
        # Lanes beyond the end repeat the first number.
        inside = v.first(builder.sub(count, at))
        note(bests[0], builder.select(inside, v.load(v.at(x, at), inside), v.splat(first)))
    best = builder.load(bests[0])
    for other in bests[1:]:
        best = larger(builder.load(other), best)
    half = v.count // 2
    while half:
        best = larger(v.shuffle(best, best, [(i + half) % v.count for i in range(v.count)]), best)
        half //= 2
    builder.ret(builder.extract_element(best, ir.IntType(32)(0)))
    return function


@intrinsic
def largest_of(typing, x):  # type: ignore[no-untyped-def]
    """The largest of the numbers in an array of one axis, which is not empty.

    NaN counts for nothing, but where it comes first: then the result is NaN.
    """

    def codegen(context: Any, builder: ir.IRBuilder, signature: Any, args: Any) -> Any:
        array = context.make_array(x)(context, builder, args[0])
        start = element(context, builder, x, args[0], i64(0))
        return builder.call(_largest(builder.module, x.dtype), [array.nitems, start])

    return x.dtype(x), codegen


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
    copy_run, largest_of = _copy_in_python, max
