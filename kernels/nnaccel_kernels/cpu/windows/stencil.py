"""Emits vector code that goes over the taps of many windows side by side.

The windows are those over the channels of a pixel, or at neighbouring positions of a plane. Of an
operand one says where it begins, and how many elements lie between the rows of a window, between
its columns, and, the step, between one window and the next: 1 for channels, the stride for
positions, 0 for a number that all windows share.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from llvmlite import ir
from numba import types
from numba.core.cgutils import alloca_once, for_range, for_range_slice

from nnaccel_kernels.cpu.vector.simd import Lanes, i64, pointer, void

_UNROLL = 4  # vectors side by side, so that one need not wait for the sum of another
VECTOR, STRIDED, SHARED = "vector", "strided", "shared"  # step 1, any step, step 0
_PREFIX = "nnaccel_stencil_"
_i32 = ir.IntType(32)


def kinds(
    builder: Any, step: Any, special: int = 1, then: str = VECTOR, otherwise: str = STRIDED
) -> Iterator[str]:
    """Emit two branches, and say of which kind an operand is in each: a step is known then only."""
    with builder.if_else(builder.icmp_signed("==", step, i64(special))) as branches:
        for kind, branch in zip((then, otherwise), branches, strict=True):
            with branch:
                yield kind


def find(module: ir.Module, name: str) -> ir.Function | None:
    """The function of that name, if it has been emitted in this module."""
    found: ir.Function | None = module.globals.get(_PREFIX + name)
    return found


class Vector:
    """Some windows side by side: from number `first` on, a full vector or only `left`."""

    def __init__(self, stencil: Stencil, first: Any, left: Any) -> None:
        self.v, self.builder = stencil.v, stencil.builder
        self.first, self.left = first, left
        self.mask = None if left is None else self.v.first(left)

    def at(self, operand: Any, tap: Any = None) -> Any:
        """Pointer to what an operand holds for the first window, under a tap if it has taps."""
        base, row, column, step = operand
        builder, offset = self.builder, self.builder.mul(self.first, step)
        if tap is not None:
            offset = builder.add(offset, builder.mul(tap[0], row))
            offset = builder.add(offset, builder.mul(tap[1], column))
        return self.v.at(base, offset)

    def load(self, kind: str, operand: Any, tap: Any = None) -> Any:
        """What an operand holds for these windows."""
        v, builder, p = self.v, self.builder, self.at(operand, tap)
        if kind == SHARED:
            return v.splat(builder.load(p, typ=v.scalar))
        if kind == VECTOR:
            return v.load(p, self.mask)
        vector = ir.Constant(v.type, ir.Undefined)
        for lane in range(v.count):
            index = i64(lane)
            if self.left is not None:  # repeat the last
                inside = builder.icmp_signed("<", index, self.left)
                index = builder.select(inside, index, builder.sub(self.left, i64(1)))
            number = builder.load(v.at(p, builder.mul(index, operand[3])), typ=v.scalar)
            vector = builder.insert_element(vector, number, _i32(lane))
        return vector

    def store(self, kind: str, x: Any, operand: Any, tap: Any = None) -> None:
        """Write a vector to where an operand is."""
        v, builder, p = self.v, self.builder, self.at(operand, tap)
        if kind == VECTOR:
            v.store(x, p, self.mask)
            return
        room = alloca_once(builder, v.type)
        builder.store(x, room)
        count = i64(v.count)
        if self.left is not None:
            fewer = builder.icmp_signed("<", self.left, count)
            count = builder.select(fewer, self.left, count)
        with for_range(builder, count, intp=i64) as lane:
            number = builder.load(v.at(room, lane.index), typ=v.scalar)
            place = v.at(p, builder.mul(lane.index, operand[3]))
            builder.store(number, builder.bitcast(place, v.scalar.as_pointer()))

    def larger(self, x: Any, y: Any) -> Any:
        """The larger of x and y, or the NaN among them."""
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
        """Emit the function: `body` emits what is done to some vectors of windows."""
        builder, lanes = self.builder, self.v.count
        wide = i64(lanes * _UNROLL)
        whole = builder.sub(self.count, builder.srem(self.count, wide))
        with for_range_slice(builder, i64(0), whole, wide, i64) as (first, _):
            firsts = [builder.add(first, i64(i * lanes)) for i in range(_UNROLL)]
            body([Vector(self, first, None) for first in firsts])
        with for_range_slice(builder, whole, self.count, i64(lanes), i64) as (first, _):
            body([Vector(self, first, builder.sub(self.count, first))])
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
        """Emit two branches, for an operand of step 1 and for one of another."""
        return kinds(self.builder, operand[3])

    def variable(self, value: Any) -> Any:
        """A variable with a first value, to load and store."""
        place = alloca_once(self.builder, self.v.type)
        self.builder.store(value, place)
        return place

    def value(self, variable: Any) -> Any:
        """What a variable holds."""
        return self.builder.load(variable, typ=self.v.type)
