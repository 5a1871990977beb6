"""Winograd's transforms as vector code: y = M x M.T for small squares x of vectors of channels.

M is a constant, mostly of 0, 1 and small powers of two, so a product is a few additions. Rows of M
that differ only in the sign of their odd columns share their sums, and so do columns that differ
only in the sign of their odd rows.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from llvmlite import ir
from numba import config, types
from numba.extending import intrinsic

from nnaccel_kernels.cpu.vector.simd import SCALARS, Lanes, element, i64, pointer, void

Matrix = Sequence[Sequence[float]]


class _Sums:
    """Emits weighted sums of vectors."""

    def __init__(self, v: Lanes) -> None:
        self.v, self.builder = v, v.builder

    def weighted(self, weights: Sequence[float], xs: Sequence[Any]) -> Any:
        """sum(weights * xs); None if all weights are 0."""
        total = None
        # Terms of weight 1 first: then the others are multiply-adds.
        for weight, x in sorted(zip(weights, xs, strict=True), key=lambda pair: pair[0] != 1):
            if weight == 0 or x is None:
                continue
            if total is None:
                total = x if weight == 1 else self.builder.fmul(self._constant(weight), x)
            elif weight in (1, -1):
                emit = self.builder.fadd if weight == 1 else self.builder.fsub
                total = emit(total, x)
            else:
                total = self.v.multiply_add(self._constant(weight), x, total)
        return total

    def add(self, x: Any, y: Any, sign: int) -> Any:
        """x + y or x - y by the sign; None is 0."""
        if y is None:
            return x
        if x is None:
            x = self.v.zero
        return self.builder.fadd(x, y) if sign > 0 else self.builder.fsub(x, y)

    def product(self, matrix: Matrix, xs: Sequence[Any]) -> list[Any]:
        """matrix @ xs, as vectors."""
        columns = list(zip(*matrix, strict=True))
        pair = _mirrored(columns)
        if pair:  # even rows multiply x_i + x_j, odd rows x_i - x_j
            i, j = pair
            rest = [[w for n, w in enumerate(row) if n not in pair] for row in matrix]
            others = [x for n, x in enumerate(xs) if n not in pair]
            both = [self.add(xs[i], xs[j], sign) for sign in (1, -1)]
            rows = [[row[i], *part] for row, part in zip(matrix, rest, strict=True)]
            even = self.product(rows[0::2], [both[0], *others])
            odd = self.product(rows[1::2], [both[1], *others])
            return [(odd if n % 2 else even)[n // 2] for n in range(len(matrix))]
        results: list[Any] = [None] * len(matrix)
        left = list(range(len(matrix)))
        while left:
            n = left.pop(0)
            row = matrix[n]
            twin = next((m for m in left if _mirror(row, matrix[m])), None)
            if twin is None:
                results[n] = self.weighted(row, xs)
                continue
            left.remove(twin)
            even = self.weighted(row[0::2], xs[0::2])
            odd = self.weighted(row[1::2], xs[1::2])
            results[n], results[twin] = self.add(even, odd, 1), self.add(even, odd, -1)
        return results

    def _constant(self, weight: float) -> Any:
        return ir.Constant(self.v.type, [weight] * self.v.count)


def _mirror(x: Sequence[float], y: Sequence[float]) -> bool:
    """Whether x and y differ, and only in the sign of their odd elements."""
    same = all(b == (-a if i % 2 else a) for i, (a, b) in enumerate(zip(x, y, strict=True)))
    return same and list(x) != list(y) and any(x[0::2])


def _mirrored(columns: Sequence[Sequence[float]]) -> tuple[int, int] | None:
    """The first two columns that are mirrors of each other, or None."""
    for i, x in enumerate(columns):
        for j in range(i + 1, len(columns)):
            if len(x) > 1 and _mirror(x, columns[j]):
                return i, j
    return None


def _function(module: ir.Module, dtype: types.Type, name: str, matrix: Matrix) -> ir.Function:
    """Emit the transform, of a vector of channels at a time."""
    kind = ir.FunctionType(void, [i64, pointer, i64, i64, pointer, i64, i64])
    name = f"nnaccel_{name}_{SCALARS[dtype][1]}"
    if name in module.globals:
        return module.globals[name]
    function = ir.Function(module, kind, name)
    function.linkage = "internal"
    function.attributes.add("noinline")
    count, x, x_row, x_col, y, y_row, y_col = function.args
    entry, loop, leave = map(function.append_basic_block, ("entry", "loop", "leave"))
    builder = ir.IRBuilder(entry)
    v = Lanes(builder, dtype)
    sums = _Sums(v)
    wide, high = len(matrix[0]), len(matrix)

    def offsets(row: Any, col: Any, n: int) -> list[list[Any]]:
        down = [builder.mul(row, i64(i)) for i in range(n)]
        across = [builder.mul(col, i64(i)) for i in range(n)]
        return [[builder.add(d, a) for a in across] for d in down]

    sources, targets = offsets(x_row, x_col, wide), offsets(y_row, y_col, high)
    builder.cbranch(builder.icmp_signed(">", count, i64(0)), loop, leave)
    builder.position_at_end(loop)
    at = builder.phi(i64)
    x_at, y_at = v.opaque(v.at(x, at)), v.opaque(v.at(y, at))
    columns = []
    for j in range(wide):
        column = [v.load(v.at(x_at, sources[i][j])) for i in range(wide)]
        columns.append(sums.product(matrix, column))
    for i in range(high):
        row = sums.product(matrix, [column[i] for column in columns])
        for j, value in enumerate(row):
            v.store(value, v.at(y_at, targets[i][j]))
    later = builder.add(at, i64(v.count))
    at.add_incoming(i64(0), entry)
    at.add_incoming(later, loop)
    builder.cbranch(builder.icmp_signed("<", later, count), loop, leave)
    builder.position_at_end(leave)
    builder.ret_void()
    return function


def transform(name: str, matrix: Matrix) -> Callable[..., Any]:
    """Return f(count, x, x_at, x_row, x_col, y, y_at, y_row, y_col), for use inside kernels.

    It transforms the square of `count` channels at x[x_at], with strides x_row and x_col, to the
    square at y[y_at]. `count` is rounded up to whole vectors.
    """

    @intrinsic
    def call(typing, count, x, x_at, x_row, x_col, y, y_at, y_row, y_col):  # type: ignore[no-untyped-def]
        i8 = types.int64

        def codegen(context: Any, builder: ir.IRBuilder, signature: Any, args: Any) -> Any:
            count, x_, x_at, x_row, x_col, y_, y_at, y_row, y_col = args
            function = _function(builder.module, y.dtype, name, matrix)
            source = element(context, builder, x, x_, x_at)
            target = element(context, builder, y, y_, y_at)
            builder.call(function, [count, source, x_row, x_col, target, y_row, y_col])
            return context.get_dummy_value()

        return types.void(i8, x, i8, i8, i8, y, i8, i8, i8), codegen

    def in_python(
        count: int,
        x: Any,
        x_at: int,
        x_row: int,
        x_col: int,
        y: Any,
        y_at: int,
        y_row: int,
        y_col: int,
    ) -> None:
        m = np.array(matrix, y.dtype)
        source, target = np.arange(m.shape[1]), np.arange(m.shape[0])
        place = x_at + source[:, None] * x_row + source * x_col
        square = x.reshape(-1)[place[..., None] + np.arange(count)]
        place = y_at + target[:, None] * y_row + target * y_col
        y.reshape(-1)[place[..., None] + np.arange(count)] = np.einsum(
            "ia,abc,jb->ijc", m, square, m
        )

    return in_python if config.DISABLE_JIT else call
