"""Machine instructions that Numba has no Python for, as intrinsics that emit LLVM.

Calls of compiled code by its address, atomics, prefetch and pause. Addresses are plain integers.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import config, types
from numba.core import cgutils
from numba.extending import intrinsic

MAX_WORDS = 96
#: Words are handed over in multiples of it: a kernel ignores those that it did not ask for, and
#: there are fewer cases to compile.
WORDS_STEP = 8

_i32, _i64, _pointer = ir.IntType(32), ir.IntType(64), ir.PointerType()


@intrinsic
def call_kernel(
    _context: Any, address: Any, words: Any, count: Any, rank: Any, size: Any
) -> tuple[Any, Any]:
    """Call the compiled kernel at `address` as `kernel(rank, size, *words[:count])`.

    `count` is a multiple of `WORDS_STEP`.

    Numba's calling convention: pointers to result and exception, then the arguments. An array is
    the words that `_pack` in `tape.py` gives.
    """

    def codegen(_context: Any, builder: Any, _sig: Any, args: Any) -> Any:
        address, words, count, rank, size = args
        words = builder.inttoptr(words, _pointer)
        result, exception = (cgutils.alloca_once(builder, _pointer) for _ in range(2))
        end = builder.append_basic_block("called")
        switch = builder.switch(count, end)
        for n in range(0, MAX_WORDS + 1, WORDS_STEP):
            block = builder.append_basic_block(f"words{n}")
            switch.add_case(_i64(n), block)
            builder.position_at_end(block)
            loaded = [
                builder.load(builder.gep(words, [_i64(i)], source_etype=_i64), typ=_i64)
                for i in range(n)
            ]
            kind = ir.FunctionType(_i32, [_pointer, _pointer] + [_i64] * (n + 2))
            kernel = builder.inttoptr(address, kind.as_pointer())
            builder.call(kernel, [result, exception, rank, size, *loaded])
            builder.branch(end)
        builder.position_at_end(end)
        return cgutils.get_null_value(_i64)

    return types.int64(*[types.int64] * 5), codegen


@intrinsic
def atomic_add(_context: Any, address: Any, amount: Any) -> tuple[Any, Any]:
    """Add to the 64-bit integer at `address`, sequentially consistent; returns what it was."""

    def codegen(_context: Any, builder: Any, _sig: Any, args: Any) -> Any:
        return builder.atomic_rmw("add", builder.inttoptr(args[0], _pointer), args[1], "seq_cst")

    return types.int64(types.int64, types.int64), codegen


@intrinsic
def atomic_load(_context: Any, address: Any) -> tuple[Any, Any]:
    """Read the 64-bit integer at `address`, sequentially consistent."""

    def codegen(_context: Any, builder: Any, _sig: Any, args: Any) -> Any:
        return builder.load_atomic(builder.inttoptr(args[0], _pointer), "seq_cst", 8, typ=_i64)

    return types.int64(types.int64), codegen


@intrinsic
def atomic_store(_context: Any, address: Any, value: Any) -> tuple[Any, Any]:
    """Write the 64-bit integer at `address`, sequentially consistent."""

    def codegen(_context: Any, builder: Any, _sig: Any, args: Any) -> Any:
        place = builder.inttoptr(args[0], _i64.as_pointer())
        builder.store_atomic(args[1], place, "seq_cst", 8)
        return cgutils.get_null_value(_i64)

    return types.int64(types.int64, types.int64), codegen


@intrinsic
def compare_exchange(_context: Any, address: Any, expected: Any, value: Any) -> tuple[Any, Any]:
    """Write the 64-bit integer at `address` if it is as expected; returns 1 if so, else 0."""

    def codegen(_context: Any, builder: Any, _sig: Any, args: Any) -> Any:
        place = builder.inttoptr(args[0], _pointer)
        pair = builder.cmpxchg(place, args[1], args[2], "seq_cst", "seq_cst")
        return builder.zext(builder.extract_value(pair, 1), _i64)

    return types.int64(types.int64, types.int64, types.int64), codegen


@intrinsic
def call_function(_context: Any, address: Any) -> tuple[Any, Any]:
    """Call the C function `int f(void)` at `address`."""

    def codegen(_context: Any, builder: Any, _sig: Any, args: Any) -> Any:
        function = builder.inttoptr(args[0], ir.FunctionType(_i32, []).as_pointer())
        return builder.sext(builder.call(function, []), _i64)

    return types.int64(types.int64), codegen


@intrinsic
def prefetch(_context: Any, array: Any, index: Any) -> tuple[Any, Any]:
    """Start to load the cache line of element `index` of a flat array."""

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        kind = ir.FunctionType(ir.VoidType(), [_pointer, _i32, _i32, _i32])
        fetch = cgutils.get_or_insert_function(builder.module, kind, "llvm.prefetch.p0")
        data = context.make_array(sig.args[0])(context, builder, args[0]).data
        scalar = context.get_value_type(array.dtype)
        place = builder.gep(builder.bitcast(data, _pointer), [args[1]], source_etype=scalar)
        builder.call(fetch, [place, _i32(0), _i32(3), _i32(1)])  # to read, to all levels, data
        return context.get_dummy_value()

    return types.none(array, types.int64), codegen


@intrinsic
def pause(_context: Any) -> tuple[Any, Any]:
    """Hint to the processor that this thread polls."""

    def codegen(context: Any, builder: Any, _sig: Any, _args: Any) -> Any:
        module = builder.module
        if module.triple.startswith("x86_64"):
            kind = ir.FunctionType(ir.VoidType(), [])
            builder.call(cgutils.get_or_insert_function(module, kind, "llvm.x86.sse2.pause"), [])
        elif module.triple.startswith(("aarch64", "arm64")):
            kind = ir.FunctionType(ir.VoidType(), [_i32])
            hint = cgutils.get_or_insert_function(module, kind, "llvm.aarch64.hint")
            builder.call(hint, [_i32(1)])
        return context.get_dummy_value()

    return types.none(), codegen


if config.DISABLE_JIT:

    def prefetch(array: Any, index: int) -> None:
        """Do nothing: Python has no such instruction."""
