"""Sums of products and maxima over the taps of windows, for use inside kernels.

Each function works on windows side by side. `size` is (windows, rows, columns). An operand is
(array, first element, row, column, step) with strides as in `stencil.py`, in elements of the flat
array.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from llvmlite import ir
from numba import config, types
from numba.extending import intrinsic

from nnaccel_kernels.cpu.vector.simd import element, i64
from nnaccel_kernels.cpu.windows.stencil import SHARED, VECTOR, Stencil, Vector, find, kinds

Operand = tuple[np.ndarray, int, int, int, int]
Size = tuple[int, int, int]


def _products(stencil: Stencil, x_kind: str, w_kind: str) -> ir.Function:
    """y = sum(x * w) over the taps, or y += it if the flag is set."""
    x, w, y = stencil.operands
    builder = stencil.builder

    def body(vectors: list[Vector]) -> None:
        sums = [stencil.variable(stencil.v.zero) for _ in vectors]
        with builder.if_then(builder.icmp_signed("!=", stencil.flag, i64(0))):
            for vector, total in zip(vectors, sums, strict=True):
                for kind in stencil.kinds(y):
                    builder.store(vector.load(kind, y), total)
        with stencil.taps() as tap:
            for vector, total in zip(vectors, sums, strict=True):
                a, b = vector.load(x_kind, x, tap), vector.load(w_kind, w, tap)
                builder.store(stencil.v.multiply_add(a, b, stencil.value(total)), total)
        for vector, total in zip(vectors, sums, strict=True):
            for kind in stencil.kinds(y):
                vector.store(kind, stencil.value(total), y)

    return stencil.emit(body)


def _maxima(stencil: Stencil) -> ir.Function:
    """y = max(x) over the taps: -inf without taps, NaN if one is."""
    x, y = stencil.operands
    lowest = ir.Constant(stencil.v.type, [-math.inf] * stencil.v.count)

    def body(vectors: list[Vector]) -> None:
        best = [stencil.variable(lowest) for _ in vectors]
        with stencil.taps() as tap:
            for vector, largest in zip(vectors, best, strict=True):
                larger = vector.larger(stencil.value(largest), vector.load(VECTOR, x, tap))
                stencil.builder.store(larger, largest)
        for vector, largest in zip(vectors, best, strict=True):
            vector.store(VECTOR, stencil.value(largest), y)

    return stencil.emit(body)


def _return_to_maxima(stencil: Stencil) -> ir.Function:
    """Add dy to dx at the first tap where x is the maximum y, or a NaN."""
    dy, x, y, dx = stencil.operands
    builder, zero = stencil.builder, stencil.v.zero

    def body(vectors: list[Vector]) -> None:
        left = [stencil.variable(vector.load(VECTOR, dy)) for vector in vectors]
        maxima = [vector.load(VECTOR, y) for vector in vectors]
        with stencil.taps() as tap:
            for vector, rest, largest in zip(vectors, left, maxima, strict=True):
                pixel, gradient = vector.load(VECTOR, x, tap), stencil.value(rest)
                found = builder.or_(
                    builder.fcmp_ordered("==", pixel, largest),
                    builder.fcmp_unordered("uno", pixel, pixel),
                )
                taken = builder.select(found, gradient, zero)
                vector.store(VECTOR, builder.fadd(vector.load(VECTOR, dx, tap), taken), dx, tap)
                builder.store(builder.select(found, zero, gradient), rest)

    return stencil.emit(body)


def _call(
    emit: Any, context: Any, builder: ir.IRBuilder, operands: Any, args: Any, *kinds: str
) -> Any:
    """Call the function that `emit` makes for operands of these kinds, with an intrinsic's args."""
    size, *values, flag = args
    words = [builder.extract_value(size, i) for i in range(3)]
    for operand, value in zip(operands, values, strict=True):
        array, at, *steps = (builder.extract_value(value, i) for i in range(5))
        words += [element(context, builder, operand[0], array, at), *steps]
    dtype = operands[0][0].dtype
    name = "_".join((emit.__name__.strip("_"), str(dtype), *kinds))
    function = find(builder.module, name)
    if function is None:
        function = emit(Stencil(builder.module, name, dtype, len(values)), *kinds)
    builder.call(function, [*words, flag])
    return context.get_dummy_value()


@intrinsic
def window_products(typing, size, x, w, y, add):  # type: ignore[no-untyped-def]
    """y = sum(x * w) over the taps, or y += it if `add`. The step of w is 0 or 1."""

    def codegen(context: Any, builder: ir.IRBuilder, signature: Any, args: Any) -> Any:
        x_step, w_step = (builder.extract_value(args[i], 4) for i in (1, 2))
        for x_kind in kinds(builder, x_step):
            for w_kind in kinds(builder, w_step, 0, SHARED, VECTOR):
                _call(_products, context, builder, (x, w, y), args, x_kind, w_kind)
        return context.get_dummy_value()

    return types.void(size, x, w, y, types.int64), codegen


@intrinsic
def shared_products(typing, size, x, w, y, add):  # type: ignore[no-untyped-def]
    """`window_products` where the step of x is 1 and that of w 0."""

    def codegen(context: Any, builder: ir.IRBuilder, signature: Any, args: Any) -> Any:
        return _call(_products, context, builder, (x, w, y), args, VECTOR, SHARED)

    return types.void(size, x, w, y, types.int64), codegen


@intrinsic
def window_maxima(typing, size, x, y):  # type: ignore[no-untyped-def]
    """y = max(x) over the taps: -inf without taps, NaN if one is. Steps are 1."""

    def codegen(context: Any, builder: ir.IRBuilder, signature: Any, args: Any) -> Any:
        return _call(_maxima, context, builder, (x, y), (*args, i64(0)))

    return types.void(size, x, y), codegen


@intrinsic
def return_to_maxima(typing, size, dy, x, y, dx):  # type: ignore[no-untyped-def]
    """Add dy to dx at the first tap where x is the maximum y, or a NaN. Steps are 1."""

    def codegen(context: Any, builder: ir.IRBuilder, signature: Any, args: Any) -> Any:
        return _call(_return_to_maxima, context, builder, (dy, x, y, dx), (*args, i64(0)))

    return types.void(size, dy, x, y, dx), codegen


def _places(windows: int, operand: Operand, row: int = 0, column: int = 0) -> Any:
    """Indices of an operand's numbers under a tap, in its flat array."""
    _, at, row_step, column_step, step = operand
    return at + row * row_step + column * column_step + np.arange(windows) * step


def _products_in_python(size: Size, x: Operand, w: Operand, y: Operand, add: int) -> None:
    """`window_products` without the JIT."""
    windows, rows, columns = size
    target, at = y[0].reshape(-1), _places(windows, y)
    total = target[at] if add else np.zeros(windows, target.dtype)
    for tap in np.ndindex(rows, columns):
        factors = (a[0].reshape(-1)[_places(windows, a, *tap)] for a in (x, w))
        total += math.prod(factors)
    target[at] = total


def _maxima_in_python(size: Size, x: Operand, y: Operand) -> None:
    """`window_maxima` without the JIT."""
    windows, rows, columns = size
    best = np.full(windows, -math.inf, y[0].dtype)
    for tap in np.ndindex(rows, columns):
        best = np.maximum(best, x[0].reshape(-1)[_places(windows, x, *tap)])
    y[0].reshape(-1)[_places(windows, y)] = best


def _return_to_maxima_in_python(
    size: Size, dy: Operand, x: Operand, y: Operand, dx: Operand
) -> None:
    """`return_to_maxima` without the JIT."""
    windows, rows, columns = size
    left = dy[0].reshape(-1)[_places(windows, dy)]
    largest = y[0].reshape(-1)[_places(windows, y)]
    for tap in np.ndindex(rows, columns):
        pixels = x[0].reshape(-1)[_places(windows, x, *tap)]
        found = (pixels == largest) | (pixels != pixels)
        dx[0].reshape(-1)[_places(windows, dx, *tap)] += np.where(found, left, 0)
        left = np.where(found, 0, left)


if config.DISABLE_JIT:
    window_products = shared_products = _products_in_python
    window_maxima = _maxima_in_python
    return_to_maxima = _return_to_maxima_in_python
