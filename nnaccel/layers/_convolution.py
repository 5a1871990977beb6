"""The base class of convolution layers."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

from nnaccel import ops
from nnaccel.backends import Array, kernels_only
from nnaccel.layers._base import Backward, Shape
from nnaccel.layers._images import Sliding, as_images
from nnaccel.layers._weighted import Weighted
from nnaccel.layers.initializers import Initializer
from nnaccel.ops import _convolution, _geometry
from nnaccel.ops._geometry import Padding, Size


class Convolution(Weighted, Sliding):
    """A convolution of images; subclasses define the numbers of filters and groups."""

    channels_last = True  # whether outputs are so in memory
    _op, _op_backward = staticmethod(ops.conv2d), staticmethod(ops.conv2d_backward)

    def __init__(
        self,
        kernel_size: Size,
        activation: str | None = None,
        *,
        stride: Size = 1,
        padding: Padding = 0,
        dilation: Size = 1,
        algorithm: str = "auto",
        **weighted: Any,
    ) -> None:
        super().__init__(activation, **weighted)
        self.kernel_size = _geometry.pair("kernel_size", kernel_size)
        self._set_movement(stride, padding, dilation)
        _convolution.algorithm(algorithm)
        moves = self.kernel_size, self.stride, self.dilation
        if algorithm == "winograd" and moves != ((3, 3), (1, 1), (1, 1)):
            raise ValueError(
                "algorithm 'winograd' is for 3x3 filters of stride 1 without dilation, not for "
                f"{self.kernel_size} with stride {self.stride} and dilation {self.dilation}"
            )
        self.algorithm = algorithm

    @abstractmethod
    def _filters_and_groups(self, channels: int) -> tuple[int, int]:
        """Return the numbers of filters and groups for images with `channels` channels."""

    def parameter_specs(self, input_shape: Shape) -> dict[str, tuple[Shape, Initializer]]:
        """Return w (K, C/groups, R, S) and, with a bias, b (K,)."""
        channels = self.image_of(input_shape)[0]
        filters, groups = self._filters_and_groups(channels)
        return self._specs((filters, channels // groups, *self.kernel_size), filters)

    def infer_shape(self, input_shape: Shape) -> Shape:
        """Return (K, OH, OW)."""
        image = self.image_of(input_shape)
        filters, _ = self._filters_and_groups(image[0])
        return filters, *self.positions(image)

    @kernels_only
    def forward(
        self, x: Array, training: bool = False, activate: bool = True
    ) -> tuple[Array, Backward]:
        """Return the activated convolution of x, and its backward."""
        shape, x = x.shape, as_images(x)
        w, b = self.params["w"], self.params.get("b")
        settings = self._op_settings(x.shape[1])

        def convolve(activation: str) -> Array:
            how = {**settings, "activation": activation, "channels_last": self.channels_last}
            return self._op(x, w, b, **how)

        y, to_product = self._activated(convolve, activate)

        def backward(dy: Array, input_gradient: bool) -> Array | None:
            dz, out = to_product(dy), self._gradients()
            dx, _, _ = self._op_backward(
                dz, x, w, input_gradient=input_gradient, out=out, **settings
            )
            return None if dx is None else dx.reshape(shape)

        return y, backward

    def unit_weights(self) -> Array:
        """As `Layer.unit_weights`: a unit is a filter."""
        w = self.params["w"]
        return w.reshape(1, 1, len(w), -1)

    def config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        window = {"kernel_size": self.kernel_size, **self.movement}
        return {**window, "algorithm": self.algorithm, **super().config()}

    def _op_settings(self, channels: int) -> dict[str, Any]:
        """Return the op's keyword arguments."""
        _, groups = self._filters_and_groups(channels)
        return {**self.movement, "groups": groups, "algorithm": self.algorithm}
