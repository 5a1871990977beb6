"""Calls of a scalar function on neighbouring elements of arrays, with 128-bit loads and stores.

Arrays are flat, and given with the index of the first of `lanes` neighbours. For more than one lane
they must be contiguous, and the addresses multiples of `ALIGNMENT`.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any, NamedTuple

from numba import config

from nnaccel_kernels.cuda.runtime.arguments import address

ALIGNMENT = 16  # bytes of the widest load and store
MAX_LANES = 8


class Vectors(NamedTuple):
    """What kernels may call for a number of lanes, as device functions."""

    mapped: Any
    """mapped(f, outputs, inputs, i, held, numbers) sets output[i + k] = f(input[i + k]…, held[k]…,
    numbers…) for k in range(lanes). f returns a number, or one for each output. Where `held` has
    fewer items than there are lanes, a run of neighbouring lanes shares one."""
    added: Any
    """added(f, sums, inputs, i, held, numbers) returns `sums`, one for each lane or one for all,
    with such values of f added."""
    folded: Any
    """folded(f, values, inputs, i) returns `values`, a tuple for each lane or for a run of lanes,
    with value = f(input[i + k]…, value…), one lane after another. f returns a number, or a tuple of
    several."""
    spread: Any
    """spread(f, output, held, i, first) sets output[i + k] = f(held[k]…, first + place of k in its
    run)."""
    held: Any
    """held(arrays, i) returns the elements i + k of all arrays, to be passed on many times; they
    need no alignment."""


@cache
def vectors(lanes: int) -> Vectors:
    """The device functions for a number of lanes, a power of two."""
    if config.ENABLE_CUDASIM:
        return Vectors(*_simulated(lanes))
    # It extends Numba, so it is imported only where needed.
    from nnaccel_kernels.cuda.runtime.vector_code import compiled

    return Vectors(*compiled(lanes))


def lanes_of(*arrays: Any) -> int:
    """How many lanes arrays take together: 128 bits of the narrowest, or 1 if they do not suit."""
    lanes = 1
    for a in arrays:
        if address(a) % ALIGNMENT or not a.flags.c_contiguous:
            return 1
        lanes = max(lanes, ALIGNMENT // a.itemsize)
    return min(lanes, MAX_LANES)


def _simulated(lanes: int) -> tuple[Any, ...]:
    def results(f: Any, inputs: Any, i: int, held: Any, numbers: Any) -> Iterator[Any]:
        for k in range(lanes):
            kept = held[k * len(held) // lanes] if held else ()
            yield f(*(a[i + k] for a in inputs), *kept, *numbers)

    def mapped(f, outputs, inputs, i, held, numbers):  # type: ignore[no-untyped-def]
        for k, result in enumerate(list(results(f, inputs, i, held, numbers))):
            for y, value in zip(outputs, result if len(outputs) > 1 else (result,), strict=True):
                y[i + k] = value

    def added(f, sums, inputs, i, held, numbers):  # type: ignore[no-untyped-def]
        totals = list(sums)
        for k, result in enumerate(results(f, inputs, i, held, numbers)):
            totals[k % len(totals)] += result
        return tuple(totals)

    def folded(f, values, inputs, i):  # type: ignore[no-untyped-def]
        found, run = list(values), lanes // len(values)
        for k in range(lanes):
            value = f(*(a[i + k] for a in inputs), *found[k // run])
            found[k // run] = value if isinstance(value, tuple) else (value,)
        return tuple(found)

    def spread(f, output, values, i, first):  # type: ignore[no-untyped-def]
        run = lanes // len(values)
        for k in range(lanes):
            output[i + k] = f(*values[k // run], first + k % run)

    def held(arrays, i):  # type: ignore[no-untyped-def]
        return tuple(tuple(a[i + k] for a in arrays) for k in range(lanes))

    return mapped, added, folded, spread, held
