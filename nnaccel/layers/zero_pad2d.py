"""Zero padding layer."""

from __future__ import annotations

from typing import Any

from nnaccel import ops
from nnaccel.backends import Array, kernels_only
from nnaccel.layers._base import Backward, Layer, Shape
from nnaccel.layers._images import as_images, image_shape
from nnaccel.ops import _geometry
from nnaccel.ops._geometry import Padding

__all__ = ["ZeroPad2D"]


class ZeroPad2D(Layer):
    """Pad images with rows and columns of zeros, or crop them.

    Inputs are (C, H, W), or (H, W) for one channel; outputs (C, OH, OW).

    Parameters
    ----------
    padding : int, (down, across) or (top, bottom, left, right), default 1
        Rows and columns to add; a negative number crops.
    name : str, optional
        Unique within a model; chosen for you by default.

    Raises
    ------
    ValueError
        If the padding is none of these.

    Examples
    --------
    >>> import numpy as np
    >>> ZeroPad2D((0, 1, 1, 0)).forward(np.ones((1, 1, 1, 2)))[0]
    array([[[[0., 1., 1.],
             [0., 0., 0.]]]])
    """

    kernel_names = "pad2d", "pad2d"

    def __init__(self, padding: Padding = 1, *, name: str | None = None) -> None:
        super().__init__(name)
        self.padding = _geometry.margins(padding)

    def infer_shape(self, input_shape: Shape) -> Shape:
        """Return (C, OH, OW)."""
        channels, height, width = image_shape(self, input_shape)
        return channels, *_geometry.padded_size((height, width), self.padding)

    @kernels_only
    def forward(
        self, x: Array, training: bool = False, activate: bool = True
    ) -> tuple[Array, Backward]:
        """Return the padded images, and the backward, which crops."""
        less = tuple(-side for side in self.padding)

        def backward(dy: Array, input_gradient: bool) -> Array | None:
            return ops.pad2d(dy, less).reshape(x.shape) if input_gradient else None

        return ops.pad2d(as_images(x), self.padding), backward

    def config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {"padding": self.padding, "name": self.name}
