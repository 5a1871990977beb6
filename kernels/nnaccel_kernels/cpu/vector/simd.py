"""Vector instructions of the CPU that Numba compiles for, emitted as LLVM.

What LLVM makes of a matrix product in Python loops runs at half the speed of the hardware, so the
innermost loops emit vectors themselves.
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
    """Bytes of a vector register, and the number of registers."""
    features = config.CPU_FEATURES
    if features is None:
        features = get_host_cpu_features()
    if "+avx512f" in features:
        return 64, 32
    if "+avx2" in features and "+fma" in features:
        return 32, 16
    return 16, 32 if platform.machine().lower() in ("arm64", "aarch64") else 16


VECTOR_BYTES, REGISTERS = _vector_unit()

i64, pointer, void = ir.IntType(64), ir.PointerType(), ir.VoidType()
_i32 = ir.IntType(32)
SCALARS = {types.float32: (ir.FloatType(), "f32"), types.float64: (ir.DoubleType(), "f64")}


class Lanes:
    """Emits the vector instructions of one element type."""

    def __init__(self, builder: ir.IRBuilder, dtype: types.Type) -> None:
        self.builder, self.dtype = builder, dtype
        self.scalar, name = SCALARS[dtype]
        self.count = VECTOR_BYTES * 8 // dtype.bitwidth
        self.align = dtype.bitwidth // 8
        self.type = ir.VectorType(self.scalar, self.count)
        self.name = f"v{self.count}{name}"
        self.zero = ir.Constant(self.type, [0.0] * self.count)

    def at(self, base: Any, offset: Any) -> Any:
        """The pointer `base`, moved by `offset` elements."""
        return self.builder.gep(base, [offset], source_etype=self.scalar)

    def splat(self, x: Any) -> Any:
        """A vector with x in every lane."""
        vector = ir.VectorType(x.type, self.count)
        undefined = ir.Constant(vector, ir.Undefined)
        first = self.builder.insert_element(undefined, x, _i32(0))
        return self.shuffle(first, undefined, [0] * self.count)

    def shuffle(self, x: Any, y: Any, lanes: list[int]) -> Any:
        """Lanes of x and y by number: those of y follow those of x."""
        picks = ir.Constant(ir.VectorType(_i32, self.count), lanes)
        return self.builder.shuffle_vector(x, y, picks)

    def first(self, count: Any) -> Any:
        """Mask of the first `count` lanes."""
        lanes = ir.Constant(ir.VectorType(i64, self.count), list(range(self.count)))
        return self.builder.icmp_signed("<", lanes, self.splat(count))

    def load(self, p: Any, mask: Any = None) -> Any:
        """The vector at p; lanes outside the mask are 0, and their memory is not read."""
        if mask is None:
            return self.builder.load(p, typ=self.type, align=self.align)
        kind = ir.FunctionType(self.type, [pointer, _i32, mask.type, self.type])
        return self._call(f"masked.load.{self.name}.p0", kind, p, _i32(self.align), mask, self.zero)

    def store(self, x: Any, p: Any, mask: Any = None) -> None:
        """Write x at p, but not the lanes outside the mask."""
        if mask is None:
            self.builder.store(x, self.builder.bitcast(p, self.type.as_pointer()), align=self.align)
        else:
            kind = ir.FunctionType(void, [self.type, pointer, _i32, mask.type])
            self._call(f"masked.store.{self.name}.p0", kind, x, p, _i32(self.align), mask)

    def store_first(self, x: Any, p: Any, count: Any) -> None:
        """Write the first `count` lanes of x at p; fewer than all.

        Some processors without AVX-512 take ten times as long for a store by a mask.
        """
        if VECTOR_BYTES == 64:
            self.store(x, p, self.first(count))
        else:
            self.builder.call(self._store_first(), [x, p, count])

    def _store_first(self) -> ir.Function:
        """A function that stores a half of the lanes, a quarter, …, as the count's bits say."""
        module, name = self.builder.module, f"nnaccel_store_first_{self.name}"
        if name in module.globals:
            return module.globals[name]
        function = ir.Function(module, ir.FunctionType(void, [self.type, pointer, i64]), name)
        function.linkage = "internal"
        function.attributes.add("noinline")
        x, p, count = function.args
        builder = ir.IRBuilder(function.append_basic_block("entry"))
        v = Lanes(builder, self.dtype)
        part = v.count // 2
        while part:
            before = builder.block
            some, after = map(function.append_basic_block, ("some", "after"))
            wanted = builder.icmp_signed("!=", builder.and_(count, i64(part)), i64(0))
            builder.cbranch(wanted, some, after)
            builder.position_at_end(some)
            picks = ir.Constant(ir.VectorType(_i32, part), list(range(part)))
            builder.store(builder.shuffle_vector(x, x, picks), p, align=v.align)
            rest = v.shuffle(x, x, [(part + lane) % v.count for lane in range(v.count)])
            further = v.at(p, i64(part))
            builder.branch(after)
            builder.position_at_end(after)
            following = builder.phi(x.type), builder.phi(pointer)
            for phi, now, then in zip(following, (x, p), (rest, further), strict=True):
                phi.add_incoming(now, before)
                phi.add_incoming(then, some)
            (x, p), part = following, part // 2
        builder.ret_void()
        return function

    def prefetch(self, p: Any) -> None:
        """Begin to bring the cache line at p to the L1 cache; p may lie outside of any array."""
        kind = ir.FunctionType(void, [pointer, _i32, _i32, _i32])
        function = get_or_insert_function(self.builder.module, kind, "llvm.prefetch.p0")
        read, near, data = _i32(0), _i32(3), _i32(1)
        self.builder.call(function, [p, read, near, data])

    def multiply_add(self, x: Any, y: Any, z: Any) -> Any:
        """x * y + z: one instruction with one rounding, if the CPU has it."""
        return self._call(
            f"fmuladd.{self.name}", ir.FunctionType(self.type, [self.type] * 3), x, y, z
        )

    def opaque(self, p: Any) -> Any:
        """The same pointer, hidden from LLVM, which would chain the addresses derived from it."""
        kind = ir.FunctionType(p.type, [p.type])
        return self.builder.asm(kind, "", "=r,0", [p], side_effect=False)

    def _call(self, name: str, kind: ir.FunctionType, *args: Any) -> Any:
        function = get_or_insert_function(self.builder.module, kind, f"llvm.{name}")
        return self.builder.call(function, args)


@intrinsic
def shift(typing, x, offset):  # type: ignore[no-untyped-def]
    """The pointer x, moved by `offset` elements."""

    def codegen(context: Any, builder: ir.IRBuilder, signature: Any, args: Any) -> Any:
        scalar = SCALARS[x.dtype][0]
        return builder.gep(args[0], [args[1]], source_etype=scalar)

    return x(x, types.int64), codegen


def element(context: Any, builder: ir.IRBuilder, array: types.Array, value: Any, at: Any) -> Any:
    """Pointer to element `at` of the memory of an array."""
    data = context.make_array(array)(context, builder, value).data
    return builder.gep(data, [at], source_etype=context.get_value_type(array.dtype))
