"""Layers of sequences, which are computed as images of one row."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

from nnaccel._validate import whole_number
from nnaccel.backends import Array, kernels_only
from nnaccel.layers._base import Backward, Shape
from nnaccel.layers._images import Image, Sliding

Ends: TypeAlias = int | str | Sequence[int]


class OneRow(Sliding):
    """Base of a layer of sequences, before that of the layer of images which computes it."""

    channels_last = False  # so that sequences are C-contiguous

    def image_of(self, shape: Shape) -> Image:
        """Return (C, 1, L) of sequences (C, L) or (L,); ValueError for any other shape."""
        if len(shape) not in (1, 2):
            raise ValueError(
                f"{type(self).__name__} takes sequences (C, L), or (L,) of one channel, but its "
                f"inputs have shape {shape}"
            )
        channels, length = (1, *shape) if len(shape) == 1 else shape
        return channels, 1, length

    def infer_shape(self, input_shape: Shape) -> Shape:
        """Return (channels, positions)."""
        channels, _, positions = super().infer_shape(input_shape)  # type: ignore[safe-super]
        return channels, positions

    @kernels_only
    def forward(
        self, x: Array, training: bool = False, activate: bool = True
    ) -> tuple[Array, Backward]:
        """Return the result of the layer of images without its row, and the backward."""
        images = x.reshape(len(x), *self.image_of(x.shape[1:]))
        y, run_back = super().forward(images, training, activate)  # type: ignore[safe-super]

        def backward(dy: Array, input_gradient: bool) -> Array | None:
            dx = run_back(dy.reshape(y.shape), input_gradient)
            return None if dx is None else dx.reshape(x.shape)

        return y.reshape(len(y), y.shape[1], y.shape[3]), backward

    def config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        found = super().config()
        found |= {"stride": self.stride[1], "dilation": self.dilation[1]}
        found["padding"] = self.padding if isinstance(self.padding, str) else self.padding[2:]
        size = "pool_size" if "pool_size" in found else "kernel_size"
        found.pop("algorithm", None)
        return found | {size: self.kernel_size[1]}


def across(name: str, size: int) -> tuple[int, int]:
    """Return a whole number of at least 1 as (1, number)."""
    return 1, whole_number(name, size)


def ends(padding: Ends) -> str | tuple[int, int, int, int]:
    """Return 'same' or 'valid', or (0, 0, start, end) from one number or two."""
    if isinstance(padding, str):
        return padding
    numbers = (padding, padding) if isinstance(padding, int) else tuple(padding)
    if len(numbers) != 2:
        raise ValueError(
            f"padding={padding!r} must be a whole number, two (start, end), 'same' or 'valid'"
        )
    return 0, 0, *numbers
