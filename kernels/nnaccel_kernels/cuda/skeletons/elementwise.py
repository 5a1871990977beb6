"""The one skeleton of all kernels that go through flat arrays element by element."""

from __future__ import annotations

from typing import Any

from numba import cuda

from nnaccel_kernels.cuda.runtime.index import device
from nnaccel_kernels.cuda.runtime.launch import THREADS, blocks, launch, named

_MOST_BLOCKS = 4096  # enough to fill any device; threads then take several elements


class Each:
    """Calls body(i, args) for every i below a count, for a plain function `body`."""

    def __init__(self, body: Any) -> None:
        self.name = body.__name__.strip("_")
        self.kernel = named(self.name, self._compile(device(body)))

    def __call__(self, count: int, *args: Any) -> None:
        """Run; `args` is handed on as a tuple."""
        grid = (min(blocks(count, THREADS), _MOST_BLOCKS),)
        launch(self.kernel, grid, (THREADS,), count, args)

    def _compile(self, body: Any) -> Any:
        def kernel(count, args):  # type: ignore[no-untyped-def]
            i = cuda.grid(1)
            while i < count:
                body(i, args)
                i += cuda.gridsize(1)

        return kernel
