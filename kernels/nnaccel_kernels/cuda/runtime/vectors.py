"""Calls of a scalar function on neighbouring elements of arrays, with 128-bit loads and stores.

Arrays are flat, and given with the index of the first of `lanes` neighbours. For more than one lane
they must be contiguous, and the addresses multiples of `ALIGNMENT`.
"""

from __future__ import annotations

from functools import cache
from typing import Any, NamedTuple

from numba import config

ALIGNMENT = 16  # bytes of the widest load and store
MAX_LANES = 8


class Vectors(NamedTuple):
    """What kernels may call for a number of lanes; `mapped` and `held` are device functions."""

    lanes: int
    mapped: Any
    """mapped(f, outputs, inputs, i, held, numbers) sets output[i + k] = f(input[i + k]…, held[k]…,
    numbers…) for k in range(lanes). f returns a number, or one for each output."""
    held: Any
    """held(arrays, i): the elements i + k of all arrays, to pass to `mapped` many times; they need
    no alignment."""


@cache
def vectors(lanes: int) -> Vectors:
    """The device functions for a number of lanes, a power of two."""
    if config.ENABLE_CUDASIM:
        return Vectors(lanes, *_simulated(lanes))
    # It extends Numba, so it is imported only where needed.
    from nnaccel_kernels.cuda.runtime.vector_code import compiled

    return Vectors(lanes, *compiled(lanes))


def lanes_of(*arrays: Any) -> int:
    """How many lanes arrays take together: 128 bits of the narrowest, or 1 if they do not suit."""
    suit = all(a.flags.c_contiguous and address(a) % ALIGNMENT == 0 for a in arrays)
    return min(MAX_LANES, ALIGNMENT // min(a.itemsize for a in arrays)) if suit else 1


def address(array: Any) -> int:
    """Of the first element, in memory."""
    place: int = array.ctypes.data if hasattr(array, "ctypes") else array.data.ptr
    return place


def _simulated(lanes: int) -> tuple[Any, Any]:
    def mapped(f, outputs, inputs, i, held, numbers):  # type: ignore[no-untyped-def]
        for k in range(lanes):
            more = held[k % len(held)] if held else ()
            results = f(*(a[i + k] for a in inputs), *more, *numbers)
            for y, result in zip(outputs, results if len(outputs) > 1 else (results,), strict=True):
                y[i + k] = result

    def held(arrays, i):  # type: ignore[no-untyped-def]
        return tuple(tuple(a[i + k] for a in arrays) for k in range(lanes))

    return mapped, held
