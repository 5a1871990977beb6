"""Depthwise convolution layer."""

from __future__ import annotations

from typing import Any

from nnaccel._validate import whole_number
from nnaccel.layers._convolution import Convolution
from nnaccel.layers.constraints import Constraint
from nnaccel.layers.initializers import Initializer
from nnaccel.layers.penalties import Penalty
from nnaccel.ops._geometry import Padding, Size

__all__ = ["DepthwiseConv2D"]


class DepthwiseConv2D(Convolution):
    """Convolution of each channel of images with filters of its own.

    Inputs are (C, H, W), or (H, W) for one channel; outputs (C * multiplier, OH, OW), where the
    output channels of one input channel are neighbours.

    Parameters
    ----------
    kernel_size : int or (R, S)
        Size of a filter, down and across.
    activation : str, default 'linear'
        As for `Conv2D`.
    multiplier : int, default 1
        Filters for each channel.
    stride, padding, dilation
        As for `Conv2D`.
    use_bias, initializer, bias_initializer, penalty, constraint, algorithm, name
        As for `Conv2D`.

    Raises
    ------
    ValueError
        If a number is out of its range, or a name is unknown.

    References
    ----------
    F. Chollet, "Xception: deep learning with depthwise separable convolutions", 2017.

    Examples
    --------
    >>> import numpy as np
    >>> layer = DepthwiseConv2D(3, multiplier=2)
    >>> layer.build((4, 5, 5), seed=0)
    >>> layer.params["w"].shape
    (8, 1, 3, 3)
    >>> layer.forward(np.ones((1, 4, 5, 5), np.float32))[0].shape
    (1, 8, 3, 3)
    """

    def __init__(
        self,
        kernel_size: Size,
        activation: str | None = None,
        *,
        multiplier: int = 1,
        stride: Size = 1,
        padding: Padding = 0,
        dilation: Size = 1,
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
        self.multiplier = whole_number("multiplier", multiplier)

    def _filters_and_groups(self, channels: int) -> tuple[int, int]:
        """Return a group for each channel."""
        return channels * self.multiplier, channels

    def config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {**super().config(), "multiplier": self.multiplier}
