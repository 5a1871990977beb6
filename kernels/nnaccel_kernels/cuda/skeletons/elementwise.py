"""Elementwise kernels over flat arrays, several neighbours at a time."""

from __future__ import annotations

from functools import cache
from typing import Any

from numba import cuda

from nnaccel_kernels.cuda.runtime.index import device
from nnaccel_kernels.cuda.runtime.launch import THREADS, blocks, launch, named
from nnaccel_kernels.cuda.runtime.vectors import lanes_of, vectors

_MAX_BLOCKS = 2048  # enough to fill any device; beyond that a thread takes several vectors


class ElementwiseKernel:
    """Sets output[i] = f(input[i]…, numbers…) for every i, for a plain function f of numbers.

    With several outputs, f returns a number for each. `once`, a plain function
    once(count, outputs, numbers), says what a thread does at first: it returns the count, or 0 to
    leave all as it is, and the numbers that f gets, which it may read from arrays.
    """

    def __init__(self, f: Any, once: Any = None) -> None:
        self.name = f.__name__.strip("_")
        functions = device(f), device(_as_they_are if once is None else once)
        self.kernel = cache(lambda lanes: named(self.name, _compile(*functions, lanes)))

    def __call__(self, outputs: tuple[Any, ...], inputs: tuple[Any, ...], *numbers: Any) -> None:
        """Launch over flat arrays of one size."""
        count, lanes = outputs[0].size, lanes_of(*outputs, *inputs)
        grid = (min(blocks(count, THREADS * lanes), _MAX_BLOCKS),)
        launch(self.kernel(lanes), grid, (THREADS,), count, outputs, inputs, numbers)


def _as_they_are(count, outputs, numbers):  # type: ignore[no-untyped-def]
    return count, numbers


def _compile(f: Any, once: Any, lanes: int) -> Any:
    several, one = vectors(lanes).mapped, vectors(1).mapped

    def kernel(count, outputs, inputs, numbers):  # type: ignore[no-untyped-def]
        count, values = once(count, outputs, numbers)
        thread, whole = cuda.grid(1), count // lanes * lanes
        i, rest = thread * lanes, whole + thread
        while i < whole:
            several(f, outputs, inputs, i, (), values)
            i += cuda.gridsize(1) * lanes
        if rest < count:  # less than a vector, at the end
            one(f, outputs, inputs, rest, (), values)

    return kernel
