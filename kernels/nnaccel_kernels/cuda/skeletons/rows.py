"""Kernels in which several threads share each row of a matrix, and reductions over a row."""

from __future__ import annotations

import math
from functools import cache
from typing import Any

from numba import cuda

from nnaccel_kernels.cuda.runtime.index import device
from nnaccel_kernels.cuda.runtime.launch import THREADS, blocks, launch, named, power_of_two


class RowKernel:
    """Calls body(row, lane, lanes, width, shared, y, args) in every thread of a row.

    A row has `lanes` threads; thread `lane` takes columns lane, lane + lanes, … below `width`.
    Threads beyond the last row get row 0 and width 0: they too must call `row_sum` and `row_max`,
    which synchronise the block.
    """

    def __init__(self, body: Any) -> None:
        self.name = body.__name__.strip("_")
        self.kernel = cache(lambda threads: _compile(self.name, device(body), threads))

    def __call__(self, y: Any, *args: Any) -> None:
        """Launch over the rows of y (N, C); the body gets `args` as a tuple."""
        rows, columns = y.shape
        if not columns:
            return
        lanes = power_of_two(columns, THREADS)
        block_rows = THREADS // lanes
        launch(self.kernel(THREADS), (blocks(rows, block_rows),), (lanes, block_rows), y, args)


@device
def row_sum(shared, value):  # type: ignore[no-untyped-def]
    """Sum of `value` over the lanes of a row, always in the same order."""
    lane, half = cuda.threadIdx.x, cuda.blockDim.x // 2
    slot = cuda.threadIdx.y * cuda.blockDim.x + lane
    shared[slot] = value
    cuda.syncthreads()
    while half > 0:
        if lane < half:
            shared[slot] += shared[slot + half]
        cuda.syncthreads()
        half //= 2
    total = shared[slot - lane]
    cuda.syncthreads()
    return total


@device
def row_max(shared, value):  # type: ignore[no-untyped-def]
    """Maximum of `value` over the lanes of a row."""
    lane, half = cuda.threadIdx.x, cuda.blockDim.x // 2
    slot = cuda.threadIdx.y * cuda.blockDim.x + lane
    shared[slot] = value
    cuda.syncthreads()
    while half > 0:
        if lane < half and shared[slot + half] > shared[slot]:
            shared[slot] = shared[slot + half]
        cuda.syncthreads()
        half //= 2
    largest = shared[slot - lane]
    cuda.syncthreads()
    return largest


@device
def row_max_and_sum_exp(row, lane, lanes, width, shared, x):  # type: ignore[no-untyped-def]
    """Row maximum and sum(exp(x - max))."""
    largest = x[row, 0]
    for j in range(lane, width, lanes):
        largest = x[row, j] if x[row, j] > largest else largest
    largest = row_max(shared, largest)
    total = x.dtype.type(0)
    for j in range(lane, width, lanes):
        total += math.exp(x[row, j] - largest)
    total = row_sum(shared, total)
    return largest, total if width > 0 else x.dtype.type(1)


def _compile(name: str, body: Any, threads: int) -> Any:
    def kernel(y, args):  # type: ignore[no-untyped-def]
        shared = cuda.shared.array(threads, y.dtype)
        row, width = cuda.blockIdx.x * cuda.blockDim.y + cuda.threadIdx.y, y.shape[1]
        if row >= y.shape[0]:
            row, width = 0, 0
        body(row, cuda.threadIdx.x, cuda.blockDim.x, width, shared, y, args)

    return named(name, kernel)
