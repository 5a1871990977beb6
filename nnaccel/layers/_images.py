"""Image shapes, and the base class of layers with a sliding window."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from nnaccel.backends import Array
from nnaccel.layers._base import Layer, Shape
from nnaccel.layers._several import is_of_several
from nnaccel.ops import _geometry
from nnaccel.ops._geometry import Padding, Size

Image = tuple[int, int, int]


def image_shape(layer: Layer, input_shape: Shape) -> Image:
    """Return (C, H, W) of images (C, H, W) or (H, W); ValueError for any other shape."""
    if len(input_shape) not in (2, 3):
        raise ValueError(
            f"{type(layer).__name__} takes images (C, H, W), or (H, W) of one channel, but its "
            f"inputs have shape {input_shape}"
        )
    c, h, w = (1, *input_shape) if len(input_shape) == 2 else input_shape
    return c, h, w


def channels_last(layers: Sequence[Layer], shape: Shape) -> str:
    """Return what to say where inputs look like images whose channels come last; else ''."""
    if (
        len(shape) != 3
        or is_of_several(shape)
        or not any(isinstance(layer, Sliding) for layer in layers)
    ):
        return ""
    c, h, w = shape
    if min(c, h) <= 4 or w not in (1, 3, 4) or (w == 1 and c != h):
        return ""
    return (
        f"images are (n, channels, rows, columns) here, so (n, {c}, {h}, {w}) are read as {c} "
        f"channels of {h}x{w} pixels; if the channels come last, give x.transpose(0, 3, 1, 2)"
    )


def as_images(x: Array) -> Array:
    """View of a batch as (N, C, H, W)."""
    return x.reshape(len(x), 1, *x.shape[1:]) if x.ndim == 3 else x


class Sliding(Layer):
    """A layer with a window that slides over images."""

    kernel_size: tuple[int, int]

    def image_of(self, shape: Shape) -> Image:
        """Return (C, H, W) of inputs or outputs of this shape, without the batch axis."""
        return image_shape(self, shape)

    def _set_movement(self, stride: Size, padding: Padding, dilation: Size) -> None:
        """Set stride, padding and dilation."""
        self.stride = _geometry.pair("stride", stride)
        self.padding = _geometry.sides(padding)
        self.dilation = _geometry.pair("dilation", dilation)

    @property
    def movement(self) -> dict[str, Any]:
        """Stride, padding and dilation, as keyword arguments of ops."""
        return {"stride": self.stride, "padding": self.padding, "dilation": self.dilation}

    def positions(self, image: Image, ceil_mode: bool = False) -> tuple[int, int]:
        """Return the number of positions of the window; ValueError if there is none."""
        window = _geometry.window(image[1:], self.kernel_size, **self.movement)
        return _geometry.output_size(window, image[1:], ceil_mode, type(self).__name__)
