"""The one skeleton of all kernels that compute each element of an image on its own."""

from __future__ import annotations

from typing import Any

from numba import cuda

from nnaccel_kernels.cuda._device import device
from nnaccel_kernels.cuda._launch import THREADS, launch, named, spread


class Fill:
    """Sets y[n, c, i, j] = value(n, c, i, j, args) everywhere, for a plain function `value`.

    Nothing is added up across threads, so results are the same on every device.
    """

    def __init__(self, value: Any) -> None:
        self.name = value.__name__.strip("_")
        self.kernel = _compile(self.name, device(value))

    def __call__(self, y: Any, *args: Any) -> None:
        """Fill y (N, C, H, W); `args` is handed on as a tuple."""
        launch(self.kernel, *spread(y, THREADS), y, args)


def _compile(name: str, value: Any) -> Any:
    def kernel(y, args):  # type: ignore[no-untyped-def]
        images, channels, height, width = y.shape
        first_pixel, first_channel, n = cuda.grid(3)
        pixel_step, channel_step, image_step = cuda.gridsize(3)
        while n < images:
            c = first_channel
            while c < channels:
                pixel = first_pixel
                while pixel < height * width:
                    i = pixel // width
                    j = pixel - i * width
                    y[n, c, i, j] = value(n, c, i, j, args)
                    pixel += pixel_step
                c += channel_step
            n += image_step

    return named(name, kernel)
