"""Gradients of images by windows that lie side by side: a pixel is under one of them at most."""

from __future__ import annotations

from functools import cache
from typing import Any

from numba import cuda, int32

from nnaccel_kernels.cuda.runtime.divide import divide
from nnaccel_kernels.cuda.runtime.index import column, device, row
from nnaccel_kernels.cuda.runtime.launch import THREADS, launch, named, scalar
from nnaccel_kernels.cuda.runtime.vectors import vectors
from nnaccel_kernels.cuda.skeletons.elementwise import ElementwiseKernel
from nnaccel_kernels.cuda.skeletons.fixed_window import FixedSize, fixed_window, named_by_size
from nnaccel_kernels.cuda.skeletons.pooled import Pooled, Variant, in_pieces, is_inside
from nnaccel_kernels.window import Window


class DisjointKernel:
    """Sets dx = give(state…, tap) under each window, for plain functions of numbers.

    The state of a window is a tuple of numbers: load(y…, state…) at its position, and then
    look(x…, state…) at each pixel under it, tap by tap. `look` may be None.
    """

    def __init__(self, size: FixedSize, load: Any, look: Any, give: Any) -> None:
        name = named_by_size(give, size).__name__
        functions = device(load), device(look) if look else None, device(give)
        self.kernel = cache(lambda variant: named(name, _compile(variant, *functions)))

    def __call__(self, pieces: list[Pooled], *state: Any) -> None:
        """Launch over what `disjoint` returns, with the first state of every window."""
        for piece in pieces:
            (dx, *x), variant = piece.x, piece.variant
            args = dx, tuple(x), piece.y, piece.sizes, piece.window, (state,) * variant.lanes
            launch(self.kernel(variant), *piece.grid(THREADS), *args)


def disjoint(window: Window, dx: Any, x: tuple[Any, ...], y: tuple[Any, ...]) -> list[Pooled]:
    """The pieces of images under windows that lie side by side; dx is 0 beside them then.

    Nothing if windows overlap, have gaps or reach beyond the images.
    """
    whole = window.stride == window.kernel_size and window.dilation == (1, 1)
    if not (whole and is_inside(window, dx, y[0])):
        return []
    pieces = list(in_pieces(window, (dx, *x), y))
    covered = tuple(size * step for size, step in zip(y[0].shape[2:], window.stride, strict=True))
    if covered != dx.shape[2:]:
        for piece in pieces:
            _fill(piece.x[:1], (), scalar(0, dx))
    return pieces


@ElementwiseKernel
def _fill(number):  # type: ignore[no-untyped-def]
    return number


def _compile(variant: Variant, load: Any, look: Any, give: Any) -> Any:
    size, lanes, run, _ = variant
    loaded = vectors(lanes).folded
    spread = vectors(lanes * run).spread
    fixed, seen = fixed_window(size), _seen(look, lanes * run)

    def kernel(dx, x, y, sizes, window, state):  # type: ignore[no-untyped-def]
        sliding = fixed(window)
        taps = sliding.kernel_size
        first, position = cuda.grid(2)
        channel, position = int32(first * lanes), int32(position)
        step, pixel_step = int32(cuda.gridsize(2)[1]), int32(sizes.channels * run)
        while channel < sizes.channels and position < sizes.positions:
            line, j = divide(position, sizes.columns)
            n, i = divide(line, sizes.rows)
            top, left = int32(row(i, 0, sliding)), int32(column(j, 0, sliding))
            corner = int32((int32(n * sizes.height + top) * sizes.width + left) * pixel_step)
            corner, down = int32(corner + channel * run), int32(sizes.width * pixel_step)
            found = loaded(load, state, y, int32(position * sizes.channels + channel))
            for r in range(taps[0]):
                for s in range(taps[1]):
                    found = seen(found, x, int32(corner + r * down + s * pixel_step))
            for r in range(taps[0]):
                for s in range(taps[1]):
                    place = int32(corner + r * down + s * pixel_step)
                    spread(give, dx, found, place, int32((r * taps[1] + s) * run))
            position = int32(position + step)

    return kernel


def _seen(look: Any, lanes: int) -> Any:
    """The states after a look at the pixels from an index on."""
    folded = vectors(lanes).folded

    @device
    def looked(state, x, place):  # type: ignore[no-untyped-def]
        return folded(look, state, x, place)

    @device
    def unchanged(state, x, place):  # type: ignore[no-untyped-def]
        return state

    return unchanged if look is None else looked
