"""The one skeleton of all kernels that add something up to a single number, in float64."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
from numba import cuda, float64

from nnaccel_kernels.cuda.runtime.index import device
from nnaccel_kernels.cuda.runtime.launch import THREADS, blocks, launch, named
from nnaccel_kernels.cuda.runtime.namespace import namespace_of

_MOST_PARTS = 256  # so many blocks add up, one adds up what they found
_EACH = 4  # elements that a thread should have


class Total:
    """total[0] += sum of term(i, args) over i below a count, for a plain function `term`.

    Always in the same order: results do not depend on which block comes first.
    """

    def __init__(self, term: Any) -> None:
        self.name = term.__name__.strip("_")
        self.kernel = cache(lambda threads: _compile(self.name, device(term), threads))

    def __call__(self, count: int, total: Any, *args: Any) -> None:
        """Add to total (1,); `args` is handed on as a tuple."""
        parts = max(1, min(blocks(count, THREADS * _EACH), _MOST_PARTS))
        if parts == 1:
            launch(self.kernel(THREADS), (1,), (THREADS,), count, total, args)
            return
        found = namespace_of(total).empty(parts, np.float64)
        launch(self.kernel(THREADS), (parts,), (THREADS,), count, found, args)
        _parts(parts, total, found)


def _compile(name: str, term: Any, threads: int) -> Any:
    def kernel(count, total, args):  # type: ignore[no-untyped-def]
        sums = cuda.shared.array(threads, float64)
        rank, mine = cuda.threadIdx.x, float64(0)
        i = cuda.grid(1)
        while i < count:
            mine += term(i, args)
            i += cuda.gridsize(1)
        sums[rank] = mine
        cuda.syncthreads()
        half = threads // 2
        while half > 0:
            if rank < half:
                sums[rank] += sums[rank + half]
            cuda.syncthreads()
            half //= 2
        if rank == 0:
            if cuda.gridDim.x == 1:
                total[0] += sums[0]
            else:
                total[cuda.blockIdx.x] = sums[0]

    return named(name, kernel)


def _part(i, args):  # type: ignore[no-untyped-def]
    return args[0][i]


_parts = Total(_part)
