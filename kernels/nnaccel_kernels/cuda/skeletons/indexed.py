"""Kernels over a range of indices."""

from __future__ import annotations

from typing import Any

from numba import cuda

from nnaccel_kernels.cuda.runtime.index import device
from nnaccel_kernels.cuda.runtime.launch import THREADS, blocks, launch, named

_MAX_BLOCKS = 4096  # enough to fill any device; beyond that a thread takes several indices


class IndexedKernel:
    """Calls body(i, args) for every i in range(count), for a plain function `body`."""

    def __init__(self, body: Any) -> None:
        self.name = body.__name__.strip("_")
        self.kernel = named(self.name, _compile(device(body)))

    def __call__(self, count: int, *args: Any) -> None:
        """Launch; the body gets `args` as a tuple."""
        grid = (min(blocks(count, THREADS), _MAX_BLOCKS),)
        launch(self.kernel, grid, (THREADS,), count, args)


def _compile(body: Any) -> Any:
    def kernel(count, args):  # type: ignore[no-untyped-def]
        i = cuda.grid(1)
        while i < count:
            body(i, args)
            i += cuda.gridsize(1)

    return kernel
