"""Transposed convolution layer."""

from __future__ import annotations

from typing import Any

from nnaccel import ops
from nnaccel._validate import whole_number
from nnaccel.backends import Array
from nnaccel.layers._base import Shape
from nnaccel.layers._convolution import Convolution
from nnaccel.layers._images import image_shape
from nnaccel.layers.constraints import Constraint
from nnaccel.layers.initializers import Initializer
from nnaccel.layers.penalties import Penalty
from nnaccel.ops import _geometry
from nnaccel.ops._geometry import Padding, Size

__all__ = ["Conv2DTranspose"]


class Conv2DTranspose(Convolution):
    """Transposed convolution: ``y = activation(conv_transpose2d(x, w, b))``.

    Inputs are (C, H, W), or (H, W) for one channel; outputs (filters, OH, OW), where OH is
    (H - 1) * stride - top - bottom + (R - 1) * dilation + output_padding + 1, and OW likewise.

    Parameters
    ----------
    filters : int
        Number of output channels.
    kernel_size : int or (R, S)
        Size of a filter, down and across.
    activation : str, default 'linear'
        As for `Conv2D`.
    stride : int or (down, across), default 1
        Pixels of the output from one pixel of the input to the next.
    padding : int, (down, across), (top, bottom, left, right), 'same' or 'valid', default 0
        Rows and columns cropped from the output; 'same' makes it stride times as large as the
        input.
    output_padding : int or (down, across), default 0
        Rows and columns added at the bottom and right, less than the stride or the dilation.
    dilation : int or (down, across), default 1
        Pixels from one tap of a filter to the next.
    groups : int, default 1
        Groups of channels; a filter sees the input channels of its own group only.
    use_bias, initializer, bias_initializer, penalty, constraint, algorithm, name
        As for `Conv2D`; w is (C, filters/groups, R, S).

    Raises
    ------
    ValueError
        If a number is out of its range, or a name is unknown.

    References
    ----------
    V. Dumoulin and F. Visin, "A guide to convolution arithmetic for deep learning", 2016.

    Examples
    --------
    >>> import numpy as np
    >>> layer = Conv2DTranspose(3, 2, stride=2)
    >>> layer.build((4, 5, 5), seed=0)
    >>> layer.forward(np.ones((1, 4, 5, 5), np.float32))[0].shape
    (1, 3, 10, 10)
    """

    _op = staticmethod(ops.conv_transpose2d)
    _op_backward = staticmethod(ops.conv_transpose2d_backward)

    def __init__(
        self,
        filters: int,
        kernel_size: Size,
        activation: str | None = None,
        *,
        stride: Size = 1,
        padding: Padding = 0,
        output_padding: Size = 0,
        dilation: Size = 1,
        groups: int = 1,
        use_bias: bool = True,
        initializer: str | Initializer = "glorot_uniform",
        bias_initializer: str | Initializer = "zeros",
        penalty: Penalty | str | dict[str, float] | None = None,
        constraint: Constraint | str | dict[str, Any] | None = None,
        algorithm: str = "auto",
        name: str | None = None,
    ) -> None:
        super().__init__(
            kernel_size,
            activation,
            stride=stride,
            padding=padding,
            dilation=dilation,
            algorithm=algorithm,
            use_bias=use_bias,
            initializer=initializer,
            bias_initializer=bias_initializer,
            penalty=penalty,
            constraint=constraint,
            name=name,
        )
        self.filters = whole_number("filters", filters)
        self.groups = whole_number("groups", groups)
        if self.filters % self.groups:
            raise ValueError(f"{filters} filters do not split into {groups} groups")
        self.output_padding = _geometry.pair("output_padding", output_padding, least=0)

    def parameter_specs(self, input_shape: Shape) -> dict[str, tuple[Shape, Initializer]]:
        """Return w (C, filters/groups, R, S) and, with a bias, b (filters,)."""
        channels = image_shape(self, input_shape)[0]
        filters = self.filters // self.groups
        return self._specs((channels, filters, *self.kernel_size), self.filters)

    def infer_shape(self, input_shape: Shape) -> Shape:
        """Return (filters, OH, OW)."""
        channels, height, width = image_shape(self, input_shape)
        filters, _ = self._filters_and_groups(channels)
        more = {"output_padding": self.output_padding, **self.movement}
        _, size = _geometry.transposed_window((height, width), self.kernel_size, **more)
        return filters, *size

    def unit_weights(self) -> Array:
        """As `Layer.unit_weights`: a unit is a filter, of all inputs of its group."""
        w = self.params["w"]
        return w.reshape(self.groups, len(w) // self.groups, w.shape[1], -1)

    def config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        own = {"output_padding": self.output_padding, "groups": self.groups}
        return {"filters": self.filters, **super().config(), **own}

    def _filters_and_groups(self, channels: int) -> tuple[int, int]:
        """Return filters and groups."""
        if channels % self.groups:
            raise ValueError(f"{channels} channels do not split into {self.groups} groups")
        return self.filters, self.groups

    def _op_settings(self, channels: int) -> dict[str, Any]:
        return {**super()._op_settings(channels), "output_padding": self.output_padding}
