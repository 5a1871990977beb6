"""Vector instructions for the CPU that Numba compiles for.

Numba leaves a register tile of a matrix product half as fast as the hardware allows, so the inner
pieces are written as LLVM vectors: here the instructions themselves, pointers, and the copies that
bring a panel of a matrix into the cache; in `_tile` the product.
"""

from __future__ import annotations

import platform
from typing import Any

from llvmlite import ir
from numba import config, types
from numba.core.cgutils import get_or_insert_function
from numba.core.codegen import get_host_cpu_features
from numba.extending import intrinsic


def _vector_unit() -> tuple[int, int]:
    """Bytes in a vector register, and how many registers, of the CPU that Numba compiles for."""
    features = config.CPU_FEATURES
    if features is None:
        features = get_host_cpu_features()
    if "+avx512f" in features:
        return 64, 32
    if "+avx2" in features and "+fma" in features:
        return 32, 16
    return 16, 32 if platform.machine().lower() in ("arm64", "aarch64") else 16


VECTOR_BYTES, _REGISTERS = _vector_unit()
VECTORS = 2  # vectors across a tile
ROWS = 6 if _REGISTERS == 16 else 8  # rows down a tile: its ROWS * VECTORS sums stay in registers
PANEL_ROWS = 256  # rows of b that a panel holds: a panel fits in the L1 cache

i64, pointer, void = ir.IntType(64), ir.PointerType(), ir.VoidType()
_i32 = ir.IntType(32)
SCALARS = {types.float32: (ir.FloatType(), "f32"), types.float64: (ir.DoubleType(), "f64")}


class Lanes:
    """Emits the vector instructions of one element type."""

    def __init__(self, builder: ir.IRBuilder, dtype: types.Type) -> None:
        self.builder = builder
        self.scalar, name = SCALARS[dtype]
        self.count = VECTOR_BYTES * 8 // dtype.bitwidth
        self.align = dtype.bitwidth // 8
        self.type = ir.VectorType(self.scalar, self.count)
        self.name = f"v{self.count}{name}"
        self.zero = ir.Constant(self.type, [0.0] * self.count)

    def at(self, base: Any, offset: Any) -> Any:
        """Pointer to the element `offset` elements after `base`."""
        return self.builder.gep(base, [offset], source_etype=self.scalar)

    def splat(self, x: Any) -> Any:
        """The vector that has x in every lane."""
        vector = ir.VectorType(x.type, self.count)
        undefined = ir.Constant(vector, ir.Undefined)
        first = self.builder.insert_element(undefined, x, _i32(0))
        return self.shuffle(first, undefined, [0] * self.count)

    def shuffle(self, x: Any, y: Any, lanes: list[int]) -> Any:
        """The lanes named, counting those of y after those of x."""
        picks = ir.Constant(ir.VectorType(_i32, self.count), lanes)
        return self.builder.shuffle_vector(x, y, picks)

    def first(self, count: Any) -> Any:
        """Mask of the first `count` lanes."""
        lanes = ir.Constant(ir.VectorType(i64, self.count), list(range(self.count)))
        return self.builder.icmp_signed("<", lanes, self.splat(count))

    def load(self, p: Any, mask: Any = None) -> Any:
        """The vector at p; lanes outside the mask are not read, and 0."""
        if mask is None:
            return self.builder.load(p, typ=self.type, align=self.align)
        kind = ir.FunctionType(self.type, [pointer, _i32, mask.type, self.type])
        return self._call(f"masked.load.{self.name}.p0", kind, p, _i32(self.align), mask, self.zero)

    def store(self, x: Any, p: Any, mask: Any = None) -> None:
        """Write x at p, except for lanes outside the mask."""
        if mask is None:
            self.builder.store(x, self.builder.bitcast(p, self.type.as_pointer()), align=self.align)
        else:
            kind = ir.FunctionType(void, [self.type, pointer, _i32, mask.type])
            self._call(f"masked.store.{self.name}.p0", kind, x, p, _i32(self.align), mask)

    def multiply_add(self, x: Any, y: Any, z: Any) -> Any:
        """x * y + z: one instruction, one rounding, where the CPU has it."""
        return self._call(
            f"fmuladd.{self.name}", ir.FunctionType(self.type, [self.type] * 3), x, y, z
        )

    def opaque(self, p: Any) -> Any:
        """The same pointer, so that LLVM does not chain the addresses that derive from it."""
        kind = ir.FunctionType(p.type, [p.type])
        return self.builder.asm(kind, "", "=r,0", [p], side_effect=False)

    def _call(self, name: str, kind: ir.FunctionType, *args: Any) -> Any:
        function = get_or_insert_function(self.builder.module, kind, f"llvm.{name}")
        return self.builder.call(function, args)


def _transpose_function(module: ir.Module, dtype: types.Type, ragged: bool) -> Any:
    """Transposes a square of vectors, by swapping ever smaller blocks across its diagonal."""
    kind = ir.FunctionType(void, [i64, i64, pointer, i64, pointer, i64])
    name = f"nnaccel_transpose_{SCALARS[dtype][1]}_{int(ragged)}"
    function = ir.Function(module, kind, name)
    function.linkage = "internal"
    function.attributes.add("noinline")
    rows, cols, x, x_row, y, y_row = function.args
    builder = ir.IRBuilder(function.append_basic_block("entry"))
    v = Lanes(builder, dtype)
    mask = v.first(cols) if ragged else None
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
    for i, row in enumerate(square):
        v.store(row, v.at(y, builder.mul(y_row, i64(i))))
    builder.ret_void()
    return function


@intrinsic
def transpose(typing, rows, cols, x, x_row, y, y_row):  # type: ignore[no-untyped-def]
    """y[j, i] = x[i, j] over one square of lanes, reading `rows` x `cols` and writing all of it."""
    i8, dtype = types.int64, x.dtype

    def codegen(context: Any, builder: ir.IRBuilder, signature: Any, args: Any) -> Any:
        lanes = i64(Lanes(builder, dtype).count)
        with builder.if_else(builder.icmp_signed("<", args[1], lanes)) as branches:
            for ragged, branch in zip((True, False), branches, strict=True):
                with branch:
                    builder.call(_transpose_function(builder.module, dtype, ragged), args)
        return context.get_dummy_value()

    return types.void(i8, i8, x, i8, y, i8), codegen


@intrinsic
def move(typing, x, y):  # type: ignore[no-untyped-def]
    """Copy one row of a panel."""

    def codegen(context: Any, builder: ir.IRBuilder, signature: Any, args: Any) -> Any:
        v = Lanes(builder, x.dtype)
        source, target = args
        for i in range(VECTORS):
            offset = i64(i * v.count)
            v.store(v.load(v.at(source, offset)), v.at(target, offset))
        return context.get_dummy_value()

    return types.void(x, y), codegen


@intrinsic
def shift(typing, x, offset):  # type: ignore[no-untyped-def]
    """Pointer to the element `offset` elements after x."""

    def codegen(context: Any, builder: ir.IRBuilder, signature: Any, args: Any) -> Any:
        scalar = SCALARS[x.dtype][0]
        return builder.gep(args[0], [args[1]], source_etype=scalar)

    return x(x, types.int64), codegen


def element(context: Any, builder: ir.IRBuilder, array: types.Array, value: Any, at: Any) -> Any:
    """Pointer to element `at` of the memory of an array."""
    data = context.make_array(array)(context, builder, value).data
    return builder.gep(data, [at], source_etype=context.get_value_type(array.dtype))


@intrinsic
def panel_like(typing, x):  # type: ignore[no-untyped-def]
    """Room on the stack for `PANEL_ROWS` rows of a panel."""

    def codegen(context: Any, builder: ir.IRBuilder, signature: Any, args: Any) -> Any:
        room = ir.ArrayType(ir.IntType(8), PANEL_ROWS * VECTORS * VECTOR_BYTES)
        with builder.goto_entry_block():
            panel = builder.alloca(room)
        panel.align = 64
        return builder.bitcast(panel, args[0].type)

    return x(x), codegen


def _copy_in_python(count: int, x: Any, x_at: int, y: Any, y_at: int) -> None:
    """`copy_run` without the JIT."""
    y.reshape(-1)[y_at : y_at + count] = x.reshape(-1)[x_at : x_at + count]


@intrinsic
def copy_run(typing, count, x, x_at, y, y_at):  # type: ignore[no-untyped-def]
    """y[y_at : y_at + count] = x[x_at : x_at + count], which must not overlap."""
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
