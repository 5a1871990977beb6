"""Reductions of a whole array to one number, summed in float64."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
from numba import cuda, float64

from nnaccel_kernels.cuda.runtime.index import device
from nnaccel_kernels.cuda.runtime.launch import THREADS, blocks, launch, named
from nnaccel_kernels.cuda.runtime.namespace import namespace_of

_MAX_BLOCKS = 256  # each writes a partial sum, and one more block adds those up
_ELEMENTS = 4  # a thread, at least


class ReductionKernel:
    """total[0] += sum of term(i, args) over range(count), for a plain function `term`.

    Terms are summed in a fixed order, so a result is the same every time.
    """

    def __init__(self, term: Any) -> None:
        self.name = term.__name__.strip("_")
        self.kernel = cache(lambda threads: _compile(self.name, device(term), threads))

    def __call__(self, count: int, total: Any, *args: Any) -> None:
        """Add to total (1,); the term gets `args` as a tuple."""
        parts = max(1, min(blocks(count, THREADS * _ELEMENTS), _MAX_BLOCKS))
        if parts == 1:
            launch(self.kernel(THREADS), (1,), (THREADS,), count, total, args)
            return
        partial = namespace_of(total).empty(parts, np.float64)
        launch(self.kernel(THREADS), (parts,), (THREADS,), count, partial, args)
        _sum_partial(parts, total, partial)


def _compile(name: str, term: Any, threads: int) -> Any:
    def kernel(count, total, args):  # type: ignore[no-untyped-def]
        sums = cuda.shared.array(threads, float64)
        thread, value = cuda.threadIdx.x, float64(0)
        i = cuda.grid(1)
        while i < count:
            value += term(i, args)
            i += cuda.gridsize(1)
        sums[thread] = value
        cuda.syncthreads()
        half = threads // 2
        while half > 0:
            if thread < half:
                sums[thread] += sums[thread + half]
            cuda.syncthreads()
            half //= 2
        if thread == 0:
            if cuda.gridDim.x == 1:
                total[0] += sums[0]
            else:
                total[cuda.blockIdx.x] = sums[0]

    return named(name, kernel)


@ReductionKernel
def _sum_partial(i, args):  # type: ignore[no-untyped-def]
    return args[0][i]
