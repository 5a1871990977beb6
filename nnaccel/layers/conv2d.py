"""Convolution layer."""

from __future__ import annotations

from typing import Any

from nnaccel._validate import whole_number
from nnaccel.layers._convolution import Convolution
from nnaccel.layers.constraints import Constraint
from nnaccel.layers.initializers import Initializer
from nnaccel.layers.penalties import Penalty
from nnaccel.ops._geometry import Padding, Size

__all__ = ["Conv2D"]


class Conv2D(Convolution):
    """Convolution of images: ``y = activation(conv2d(x, w, b))``.

    Inputs are (C, H, W), or (H, W) for one channel; outputs (filters, OH, OW).

    Parameters
    ----------
    filters : int
        Number of output channels.
    kernel_size : int or (R, S)
        Size of a filter, down and across.
    activation : str, default 'linear'
        As for `Dense`; a softmax runs over the channels of each pixel.
    stride : int or (down, across), default 1
        Pixels from one position of a filter to the next.
    padding : int, (down, across), (top, bottom, left, right), 'same' or 'valid', default 0
        Rows and columns of zeros around the images; 'same' gives an output of size
        ceil(input / stride).
    dilation : int or (down, across), default 1
        Pixels from one tap of a filter to the next.
    groups : int, default 1
        Groups of channels; a filter sees the input channels of its own group only.
    use_bias : bool, default True
        Whether to add b.
    initializer : str or Initializer, default 'glorot_uniform'
        Initial values of w.
    bias_initializer : str or Initializer, default 'zeros'
        Initial values of b.
    penalty : Penalty or str, optional
        L1, L2 or both, on w.
    constraint : Constraint or str, optional
        Of w: `MaxNorm`, `NonNegative` or both.
    algorithm : {'auto', 'im2col', 'direct', 'gemm', 'winograd'}
        As for `nnaccel.ops.conv2d`.
    name : str, optional
        Unique within a model; chosen for you by default.

    Raises
    ------
    ValueError
        If a number is out of its range, or a name is unknown.

    References
    ----------
    Y. LeCun, L. Bottou, Y. Bengio and P. Haffner, "Gradient-based learning applied to document
    recognition", Proceedings of the IEEE 86 (11), 1998.

    Examples
    --------
    >>> import numpy as np
    >>> layer = Conv2D(8, 3, "relu", padding="same")
    >>> layer.build((28, 28), seed=0)
    >>> y, backward = layer.forward(np.ones((2, 28, 28), np.float32))
    >>> y.shape, backward(y, True).shape
    ((2, 8, 28, 28), (2, 28, 28))
    """

    def __init__(
        self,
        filters: int,
        kernel_size: Size,
        activation: str | None = None,
        *,
        stride: Size = 1,
        padding: Padding = 0,
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

    def _filters_and_groups(self, channels: int) -> tuple[int, int]:
        """Return filters and groups."""
        if channels % self.groups:
            raise ValueError(f"{channels} channels do not split into {self.groups} groups")
        return self.filters, self.groups

    def config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {"filters": self.filters, **super().config(), "groups": self.groups}
