"""The inner loop of a matrix product: sums in registers, of factors in shared memory."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from llvmlite import ir

from nnaccel_kernels.cuda.runtime.emit import emitted, types
from nnaccel_kernels.cuda.runtime.tile_memory import VECTOR_BYTES, item_pointer, vector_length
from nnaccel_kernels.cuda.skeletons.tile import Tile


def outer_products(tile: Tile, a_width: int, b_width: int) -> Callable[..., Any]:
    """A device function that adds the product of two shared tiles to a thread's sums.

    f(sums, shared, a, b) adds to the flat local array `sums` the products of the thread's rows of
    the left tile with its columns of the right one. The tiles lie by depth, each `a_width` or
    `b_width` wide, and the thread's first number in them has index `a` or `b` of `shared`.

    It is written out without loops: what the compiler leaves rolled has its sums in memory.
    """

    def plain(sums, shared, a, b):  # type: ignore[no-untyped-def]
        length = vector_length(shared.dtype.itemsize)
        rows, columns = _places(tile, length)
        for q in range(tile.depth):
            for i, row in enumerate(rows):
                for j, column in enumerate(columns):
                    left = shared[a + q * a_width + row]
                    sums[i * len(columns) + j] += left * shared[b + q * b_width + column]

    @emitted(plain)
    def unrolled(typing, sums, shared, a, b):  # type: ignore[no-untyped-def]
        length = vector_length(shared.dtype.bitwidth // 8)
        rows, columns = _places(tile, length)

        def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            number = context.get_data_type(shared.dtype)
            vector, index = ir.VectorType(number, length), args[2].type

            def terms(first: Any, q_first: int, places: list[int]) -> list[Any]:
                """The thread's numbers of one tile at one depth, loaded as vectors."""
                found = []
                for place in places[::length]:
                    pointer = builder.gep(first, [index(q_first + place)])
                    pointer = builder.bitcast(pointer, vector.as_pointer())
                    loaded = builder.load(pointer, align=VECTOR_BYTES)
                    found += [
                        builder.extract_element(loaded, ir.IntType(32)(i)) for i in range(length)
                    ]
                return found

            a_first, b_first = (
                item_pointer(context, builder, shared, args[1], at) for at in args[2:]
            )
            places = [
                item_pointer(context, builder, sums, args[0], index(i))
                for i in range(len(rows) * len(columns))
            ]
            totals = [builder.load(place) for place in places]
            for q in range(tile.depth):
                left = terms(a_first, q * a_width, rows)
                right = terms(b_first, q * b_width, columns)
                pairs = [(x, y) for x in left for y in right]
                totals = [
                    builder.fma(x, y, total) for (x, y), total in zip(pairs, totals, strict=True)
                ]
            for place, total in zip(places, totals, strict=True):
                builder.store(total, place)
            return context.get_dummy_value()

        return types.void(sums, shared, a, b), generate

    return unrolled


def _places(tile: Tile, length: int) -> tuple[list[int], list[int]]:
    """Rows and columns of a thread, from its first one."""
    down, across = tile.threads_down * length, tile.threads_across * length
    return (
        [v * down + i for v in range(tile.thread_rows // length) for i in range(length)],
        [v * across + i for v in range(tile.thread_columns // length) for i in range(length)],
    )
