"""Upsampling layer."""

from __future__ import annotations

from typing import Any

from nnaccel import ops
from nnaccel.backends import Array, backend_of, kernels_only
from nnaccel.layers._base import Backward, Layer, Shape
from nnaccel.layers._images import as_images, image_shape
from nnaccel.ops import _geometry
from nnaccel.ops._geometry import Size

__all__ = ["UpSampling2D"]


class UpSampling2D(Layer):
    """Enlarge images by repeating each pixel.

    Inputs are (C, H, W), or (H, W) for one channel; outputs (C, OH, OW). It is computed as the
    transposed convolution of each channel with ones.

    Parameters
    ----------
    size : int or (down, across), default 2
        How often a pixel is repeated.
    name : str, optional
        Unique within a model; chosen for you by default.

    Raises
    ------
    ValueError
        If a number is below 1.

    Examples
    --------
    >>> import numpy as np
    >>> y, _ = UpSampling2D((1, 2)).forward(np.array([[[[1.0, 2.0]]]]))
    >>> y
    array([[[[1., 1., 2., 2.]]]])
    """

    kernel_names = "conv2d_input_gradient", "conv2d"

    def __init__(self, size: Size = 2, *, name: str | None = None) -> None:
        super().__init__(name)
        self.size = _geometry.pair("size", size)

    def infer_shape(self, input_shape: Shape) -> Shape:
        """Return (C, OH, OW)."""
        channels, height, width = image_shape(self, input_shape)
        return channels, height * self.size[0], width * self.size[1]

    @kernels_only
    def forward(
        self, x: Array, training: bool = False, activate: bool = True
    ) -> tuple[Array, Backward]:
        """Return the enlarged images, in the memory order of x, and their backward."""
        shape, x = x.shape, as_images(x)
        ones = backend_of(x).xp.ones((x.shape[1], 1, *self.size), x.dtype)
        how: dict[str, Any] = {"stride": self.size, "groups": x.shape[1]}

        def backward(dy: Array, input_gradient: bool) -> Array | None:
            dx, _, _ = ops.conv_transpose2d_backward(
                dy, x, ones, input_gradient=input_gradient, out=(None, None), **how
            )
            return dx if dx is None else dx.reshape(shape)

        return ops.conv_transpose2d(x, ones, **how), backward
