"""The one skeleton of all kernels that work through each row of a matrix together."""

from __future__ import annotations

from functools import cache
from typing import Any

from numba import cuda

from nnaccel_kernels.cuda.runtime.index import device
from nnaccel_kernels.cuda.runtime.launch import THREADS, blocks, launch, named, power_of_two


class Rows:
    """Calls body(row, lane, lanes, width, shared, y, args) with some threads for each row.

    Lanes share a row's columns: lane, lane + lanes, … below `width`, which is 0 for threads that
    have no row. `add_up` and `largest` combine what the lanes of a row have; all threads call them.
    """

    def __init__(self, body: Any) -> None:
        self.name = body.__name__.strip("_")
        self.kernel = cache(lambda threads: _compile(self.name, device(body), threads))

    def __call__(self, y: Any, *args: Any) -> None:
        """Run over the rows of y (N, C); `args` is handed on as a tuple."""
        rows, columns = y.shape
        if not columns:
            return
        lanes = power_of_two(columns, THREADS)
        together = THREADS // lanes
        launch(self.kernel(THREADS), (blocks(rows, together),), (lanes, together), y, args)


@device
def add_up(shared, mine):  # type: ignore[no-untyped-def]
    """Sum over the lanes of a row, always in the same order."""
    lane, half = cuda.threadIdx.x, cuda.blockDim.x // 2
    seat = cuda.threadIdx.y * cuda.blockDim.x + lane
    shared[seat] = mine
    cuda.syncthreads()
    while half > 0:
        if lane < half:
            shared[seat] += shared[seat + half]
        cuda.syncthreads()
        half //= 2
    total = shared[seat - lane]
    cuda.syncthreads()
    return total


@device
def largest(shared, mine):  # type: ignore[no-untyped-def]
    """Largest over the lanes of a row."""
    lane, half = cuda.threadIdx.x, cuda.blockDim.x // 2
    seat = cuda.threadIdx.y * cuda.blockDim.x + lane
    shared[seat] = mine
    cuda.syncthreads()
    while half > 0:
        if lane < half and shared[seat + half] > shared[seat]:
            shared[seat] = shared[seat + half]
        cuda.syncthreads()
        half //= 2
    top = shared[seat - lane]
    cuda.syncthreads()
    return top


def _compile(name: str, body: Any, threads: int) -> Any:
    def kernel(y, args):  # type: ignore[no-untyped-def]
        shared = cuda.shared.array(threads, y.dtype)
        row, width = cuda.blockIdx.x * cuda.blockDim.y + cuda.threadIdx.y, y.shape[1]
        if row >= y.shape[0]:
            row, width = 0, 0
        body(row, cuda.threadIdx.x, cuda.blockDim.x, width, shared, y, args)

    return named(name, kernel)
