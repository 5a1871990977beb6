"""Emits vector code that visits the taps of many windows side by side.

The windows are those of the channels of a pixel, or of neighbouring positions in a plane. An
operand is a pointer with three strides: between rows of a window, between its columns, and `step`,
between windows. The step is 1 for channels, the stride for positions, and 0 for a number that all
windows share.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from llvmlite import ir
from numba import types
from numba.core.cgutils import alloca_once, for_range, for_range_slice

from nnaccel_kernels.cpu.vector.simd import Lanes, i64, pointer, void

_UNROLL = 4  # vectors side by side: independent sums hide the latency of each
VECTOR, STRIDED, SHARED = "vector", "strided", "shared"  # step 1, any step, step 0
_PREFIX = "nnaccel_stencil_"
_i32 = ir.IntType(32)


def kinds(
    builder: Any, step: Any, special: int = 1, then: str = VECTOR, otherwise: str = STRIDED
) -> Iterator[str]:
    """Emit a branch for the special step and one for others; yield the operand's kind in each."""
    with builder.if_else(builder.icmp_signed("==", step, i64(special))) as branches:
        for kind, branch in zip((then, otherwise), branches, strict=True):
            with branch:
                yield kind


def find(module: ir.Module, name: str) -> ir.Function | None:
    """The function of this name, if the module has it already."""
    found: ir.Function | None = module.globals.get(_PREFIX + name)
    return found


class Vector:
    """Windows side by side, from `first` on: a full vector, or `left` if that is not None."""

    def __init__(self, stencil: Stencil, first: Any, left: Any) -> None:
        self.v, self.builder = stencil.v, stencil.builder
        self.first, self.left = first, left
        self.mask = None if left is None else self.v.first(left)

    def at(self, operand: Any, tap: Any = None) -> Any:
        """Pointer to an operand's number for the first window, under a tap if it has taps."""
        base, row, column, step = operand
        builder, offset = self.builder, self.builder.mul(self.first, step)
        if tap is not None:
            offset = builder.add(offset, builder.mul(tap[0], row))
            offset = builder.add(offset, builder.mul(tap[1], column))
        return self.v.at(base, offset)

    def load(self, kind: str, operand: Any, tap: Any = None) -> Any:
        """An operand's numbers for these windows."""
        v, builder, p = self.v, self.builder, self.at(operand, tap)
        if kind == SHARED:
            return v.splat(builder.load(p, typ=v.scalar))
        if kind == VECTOR:
            return v.load(p, self.mask)
        vector = ir.Constant(v.type, ir.Undefined)
        for lane in range(v.count):
            index = i64(lane)
            if self.left is not None:  # repeat the last one
                inside = builder.icmp_signed("<", index, self.left)
                index = builder.select(inside, index, builder.sub(self.left, i64(1)))
            number = builder.load(v.at(p, builder.mul(index, operand[3])), typ=v.scalar)
            vector = builder.insert_element(vector, number, _i32(lane))
        return vector

    def store(self, kind: str, x: Any, operand: Any, tap: Any = None) -> None:
        """Write a vector to an operand."""
        v, builder, p = self.v, self.builder, self.at(operand, tap)
        if kind == VECTOR:
            v.store(x, p, self.mask)
            return
        lanes = alloca_once(builder, v.type)
        builder.store(x, lanes)
        count = i64(v.count)
        if self.left is not None:
            fewer = builder.icmp_signed("<", self.left, count)
            count = builder.select(fewer, self.left, count)
        with for_range(builder, count, intp=i64) as lane:
            number = builder.load(v.at(lanes, lane.index), typ=v.scalar)
            place = v.at(p, builder.mul(lane.index, operand[3]))
            builder.store(number, builder.bitcast(place, v.scalar.as_pointer()))

    def larger(self, x: Any, y: Any) -> Any:
        """The larger of x and y, or a NaN if one is."""
        builder = self.builder
        is_x = builder.or_(
            builder.fcmp_ordered(">=", x, y),
            builder.fcmp_unordered("uno", x, x),
        )
        return builder.select(is_x, x, y)


class Stencil:
    """A function f(windows, rows, columns, *operands, flag), emitted once a module."""

    def __init__(self, module: ir.Module, name: str, dtype: types.Type, operands: int) -> None:
        # An operand is a pointer with its rows, columns and step.
        arguments = [i64] * 3 + [pointer, i64, i64, i64] * operands + [i64]
        kind = ir.FunctionType(void, arguments)
        self.function = ir.Function(module, kind, _PREFIX + name)
        self.function.linkage = "internal"
        self.function.attributes.add("noinline")
        self.builder = ir.IRBuilder(self.function.append_basic_block("entry"))
        self.v = Lanes(self.builder, dtype)
        self.count, self.rows, self.columns, *rest, self.flag = self.function.args
        self.operands = [rest[i : i + 4] for i in range(0, len(rest), 4)]

    def emit(self, body: Callable[[list[Vector]], None]) -> ir.Function:
        """Emit the function: its loops, and in them `body` for a list of vectors."""
        builder, lanes = self.builder, self.v.count
        begin: Any = i64(0)
        for vectors in (_UNROLL, 2, 1):
            wide = i64(lanes * vectors)
            end = builder.sub(self.count, builder.srem(self.count, wide))
            with for_range_slice(builder, begin, end, wide, i64) as (first, _):
                firsts = [builder.add(first, i64(i * lanes)) for i in range(vectors)]
                body([Vector(self, first, None) for first in firsts])
            begin = end
        left = builder.sub(self.count, begin)
        with builder.if_then(builder.icmp_signed(">", left, i64(0))):
            body([Vector(self, begin, left)])  # by masks, which some processors are slow at
        builder.ret_void()
        return self.function

    @contextmanager
    def taps(self) -> Iterator[tuple[Any, Any]]:
        """Loop over the taps of a window."""
        with (
            for_range(self.builder, self.rows, intp=i64) as row,
            for_range(self.builder, self.columns, intp=i64) as column,
        ):
            yield row.index, column.index

    def kinds(self, operand: Any) -> Iterator[str]:
        """Emit a branch for an operand of step 1 and one for others, and yield its kind in each."""
        return kinds(self.builder, operand[3])

    def variable(self, value: Any) -> Any:
        """Memory for a vector, with a first value."""
        place = alloca_once(self.builder, self.v.type)
        self.builder.store(value, place)
        return place

    def value(self, variable: Any) -> Any:
        """The value of a variable."""
        return self.builder.load(variable, typ=self.v.type)
