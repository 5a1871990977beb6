"""Gradients of max pooling by 2x2 windows that do not overlap: each pixel is written once.

Windows side by side are those of a row of a plane, whose columns are taken apart in registers, or
those of the channels of a pixel.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from llvmlite import ir
from numba import config, types
from numba.core.cgutils import for_range_slice
from numba.extending import intrinsic

from nnaccel_kernels.cpu.vector.simd import SCALARS, VECTOR_BYTES, element, i64, pointer, void

_i32 = ir.IntType(32)


class _Windows:
    """A function f(count, apart, below, dy, x, y, dx), emitted once a module.

    From a pixel it is `apart` elements to its neighbour in a window, and `below` to the next row.
    `in_plane`: the windows are those of a row of a plane, so that `apart` is 1.
    """

    def __init__(self, module: ir.Module, name: str, scalar: ir.Type, in_plane: bool) -> None:
        kind = ir.FunctionType(void, [i64] * 3 + [pointer] * 4)
        self.function = ir.Function(module, kind, name)
        self.function.linkage = "internal"
        self.function.attributes.add("noinline")
        self.builder = ir.IRBuilder(self.function.append_basic_block("entry"))
        self.scalar, self.in_plane = scalar, in_plane
        self.count, self.apart, self.below, *self.arrays = self.function.args

    def emit(self, lanes: int) -> None:
        """Emit all windows in vectors of so many lanes, or shorter ones where windows are fewer.

        The last vector overlaps the one before: what it writes once more is the same.
        """
        builder, wide = self.builder, i64(lanes)
        with builder.if_else(builder.icmp_signed(">=", self.count, wide)) as (enough, fewer):
            with enough:
                whole = builder.sub(self.count, builder.srem(self.count, wide))
                with for_range_slice(builder, i64(0), whole, wide, i64) as (first, _):
                    self._vector(first, lanes)
                with builder.if_then(builder.icmp_signed("<", whole, self.count)):
                    self._vector(builder.sub(self.count, wide), lanes)
            with fewer:
                if lanes > 1:
                    self.emit(lanes // 2)

    def _vector(self, first: Any, lanes: int) -> None:
        """Add each dy to dx at the first tap with the maximum or a NaN, and 0 at the others."""
        builder, vector = self.builder, ir.VectorType(self.scalar, lanes)
        zero = ir.Constant(vector, [0.0] * lanes)
        dy, x, y, dx = self.arrays
        left, largest = (self._load(self._at(a, first), vector) for a in (dy, y))
        for row in (i64(0), self.below):
            at = builder.add(row, builder.mul(first, i64(2)) if self.in_plane else first)
            next_at = builder.add(at, i64(lanes) if self.in_plane else self.apart)
            pixels = [self._load(self._at(x, place), vector) for place in (at, next_at)]
            taken = []
            for pixel in self._apart(pixels, lanes):
                found = builder.or_(
                    builder.fcmp_ordered("==", pixel, largest),
                    builder.fcmp_unordered("uno", pixel, pixel),
                )
                taken.append(builder.select(found, left, zero))
                left = builder.select(found, zero, left)
            for value, place in zip(self._together(taken, lanes), (at, next_at), strict=True):
                target = builder.bitcast(self._at(dx, place), vector.as_pointer())
                builder.store(value, target, align=self._align)

    def _apart(self, row: list[Any], lanes: int) -> list[Any]:
        """The even and the odd columns of a row of pixels."""
        if not self.in_plane:
            return row
        return [self._pick(row, range(odd, 2 * lanes, 2)) for odd in (0, 1)]

    def _together(self, columns: list[Any], lanes: int) -> list[Any]:
        """The row of pixels whose even and odd columns these are."""
        if not self.in_plane:
            return columns
        order = [column for i in range(lanes) for column in (i, lanes + i)]
        return [self._pick(columns, part) for part in (order[:lanes], order[lanes:])]

    def _pick(self, pair: list[Any], lanes: Sequence[int]) -> Any:
        picks = ir.Constant(ir.VectorType(_i32, len(lanes)), list(lanes))
        return self.builder.shuffle_vector(*pair, picks)

    def _at(self, base: Any, offset: Any) -> Any:
        return self.builder.gep(base, [offset], source_etype=self.scalar)

    def _load(self, place: Any, vector: ir.Type) -> Any:
        return self.builder.load(place, typ=vector, align=self._align)

    @property
    def _align(self) -> int:
        return 4 if isinstance(self.scalar, ir.FloatType) else 8


@intrinsic
def return_to_pairs(typing, count, apart, below, dy, x, y, at, dx, first):  # type: ignore[no-untyped-def]
    """Write dx[first] and on, under `count` windows side by side, from dy[at] and on.

    `apart` is 1 for the windows of a row of a plane, else the number of channels.
    """
    i8 = types.int64

    def codegen(context: Any, builder: ir.IRBuilder, signature: Any, args: Any) -> Any:
        count, apart, below, dy_, x_, y_, at, dx_, first = args
        places = [
            element(context, builder, *pair)
            for pair in ((dy, dy_, at), (x, x_, first), (y, y_, at), (dx, dx_, first))
        ]
        is_plane = builder.icmp_signed("==", apart, i64(1))
        with builder.if_else(is_plane) as branches:
            for in_plane, branch in zip((True, False), branches, strict=True):
                with branch:
                    name = f"nnaccel_pairs_{dx.dtype}_{'plane' if in_plane else 'pixel'}"
                    function = builder.module.globals.get(name)
                    if function is None:
                        windows = _Windows(builder.module, name, SCALARS[dx.dtype][0], in_plane)
                        windows.emit(VECTOR_BYTES * 8 // dx.dtype.bitwidth)
                        windows.builder.ret_void()
                        function = windows.function
                    builder.call(function, [count, apart, below, *places])
        return context.get_dummy_value()

    return types.void(i8, i8, i8, dy, x, y, i8, dx, i8), codegen


def _in_python(count, apart, below, dy, x, y, at, dx, first):  # type: ignore[no-untyped-def]
    """`return_to_pairs` without the JIT."""
    dy, x, y, dx = (a.reshape(-1) for a in (dy, x, y, dx))
    left, largest = dy[at : at + count].copy(), y[at : at + count]
    step = 2 if apart == 1 else 1
    for offset in (0, apart, below, below + apart):
        places = first + offset + step * np.arange(count)
        found = (x[places] == largest) | (x[places] != x[places])
        dx[places] = np.where(found, left, 0)
        left[found] = 0


if config.DISABLE_JIT:
    return_to_pairs = _in_python
