"""Kernels that compute each element of an image (N, C, H, W) independently."""

from __future__ import annotations

from typing import Any

from numba import cuda

from nnaccel_kernels.cuda.runtime.index import device
from nnaccel_kernels.cuda.runtime.launch import THREADS, image_grid, launch, named


class ImageKernel:
    """Calls body(n, c, i, j, y, args) for each element of an image y, for a plain function `body`.

    No sum crosses threads, so results are the same on every device.
    """

    pixels = 1  # that a thread takes, if there are enough

    def __init__(self, body: Any) -> None:
        self.name = body.__name__.strip("_")
        self.kernel = named(self.name, self._compile(device(body)))

    def __call__(self, y: Any, *args: Any) -> None:
        """Launch over y (N, C, H, W); the body gets `args` as a tuple."""
        launch(self.kernel, *image_grid(y, THREADS, self.pixels), y, args)

    def _compile(self, body: Any) -> Any:
        @device
        def run(n, c, pixel, i, j, step, i_step, j_step, y, args):  # type: ignore[no-untyped-def]
            size, width = y.shape[2] * y.shape[3], y.shape[3]
            while pixel < size:
                body(n, c, i, j, y, args)
                pixel += step
                i = pixel // width  # rarely reached: the grid has a thread for each pixel if it can
                j = pixel - i * width

        return _over_images(run)


class PixelKernel(ImageKernel):
    """Sets y[n, c, i, j] = value(n, c, i, j, args) everywhere, for a plain function `value`."""

    def _compile(self, value: Any) -> Any:
        @device
        def store(n, c, i, j, y, args):  # type: ignore[no-untyped-def]
            y[n, c, i, j] = value(n, c, i, j, args)

        return super()._compile(store)


class UnrolledPixelKernel(PixelKernel):
    """A pixel kernel unrolled by four, for a memory-bound `value` without a loop.

    A thread issues the loads of four pixels before it stores the first. Where `value` has a loop,
    unrolling only costs registers.
    """

    pixels = 4

    def _compile(self, value: Any) -> Any:
        @device
        def run(n, c, pixel, i, j, step, i_step, j_step, y, args):  # type: ignore[no-untyped-def]
            size, width = y.shape[2] * y.shape[3], y.shape[3]
            while pixel + 3 * step < size:
                i1, j1 = advance(i, j, i_step, j_step, width)
                i2, j2 = advance(i1, j1, i_step, j_step, width)
                i3, j3 = advance(i2, j2, i_step, j_step, width)
                v, v1 = value(n, c, i, j, args), value(n, c, i1, j1, args)
                v2, v3 = value(n, c, i2, j2, args), value(n, c, i3, j3, args)
                y[n, c, i, j], y[n, c, i1, j1] = v, v1
                y[n, c, i2, j2], y[n, c, i3, j3] = v2, v3
                pixel += 4 * step
                i, j = advance(i3, j3, i_step, j_step, width)
            while pixel < size:
                y[n, c, i, j] = value(n, c, i, j, args)
                pixel += step
                i, j = advance(i, j, i_step, j_step, width)

        return _over_images(run)


@device
def advance(i, j, i_step, j_step, width):  # type: ignore[no-untyped-def]
    """Row and column after a step, without a division."""
    i, j = i + i_step, j + j_step
    return (i + 1, j - width) if j >= width else (i, j)


def _over_images(run: Any) -> Any:
    """A kernel that calls `run` for each image and channel that a thread takes."""

    def kernel(y, args):  # type: ignore[no-untyped-def]
        images, channels, _, width = y.shape
        pixel, first_channel, n = cuda.grid(3)
        step, channel_step, image_step = cuda.gridsize(3)
        i, i_step = pixel // width, step // width
        j, j_step = pixel - i * width, step - i_step * width
        while n < images:
            c = first_channel
            while c < channels:
                run(n, c, pixel, i, j, step, i_step, j_step, y, args)
                c += channel_step
            n += image_step

    return kernel
