"""Convolution layer for sequences."""

from __future__ import annotations

from typing import Any

from nnaccel.layers._sequences import Ends, OneRow, across, ends
from nnaccel.layers.constraints import Constraint
from nnaccel.layers.conv2d import Conv2D
from nnaccel.layers.initializers import Initializer
from nnaccel.layers.penalties import Penalty
from nnaccel.ops._check import OVER_CLASSES

__all__ = ["Conv1D"]


class Conv1D(OneRow, Conv2D):
    """Convolution of sequences, computed as that of images of one row.

    Inputs are (C, L), or (L,) for one channel; outputs (filters, positions). Its weights are
    (filters, C/groups, 1, kernel_size).

    Parameters
    ----------
    filters : int
        Number of output channels.
    kernel_size : int
        Size of a filter.
    activation : str, default 'linear'
        As for `Dense`, but no softmax.
    stride : int, default 1
        Steps from one position of a filter to the next.
    padding : int, (start, end), 'same' or 'valid', default 0
        Zeros around the sequences; 'same' gives an output of length ceil(L / stride).
    dilation : int, default 1
        Steps from one tap of a filter to the next.
    groups, use_bias, initializer, bias_initializer, penalty, constraint
        As for `Conv2D`.
    name : str, optional
        Unique within a model; chosen for you by default.

    Raises
    ------
    ValueError
        If a number is out of its range, or a name is unknown.

    Examples
    --------
    >>> import numpy as np
    >>> layer = Conv1D(8, 3, "relu", padding="same")
    >>> layer.build((2, 100), seed=0)
    >>> y, backward = layer.forward(np.ones((5, 2, 100), np.float32))
    >>> y.shape, backward(y, True).shape
    ((5, 8, 100), (5, 2, 100))
    """

    def __init__(
        self,
        filters: int,
        kernel_size: int,
        activation: str | None = None,
        *,
        stride: int = 1,
        padding: Ends = 0,
        dilation: int = 1,
        groups: int = 1,
        use_bias: bool = True,
        initializer: str | Initializer = "glorot_uniform",
        bias_initializer: str | Initializer = "zeros",
        penalty: Penalty | str | dict[str, float] | None = None,
        constraint: Constraint | str | dict[str, Any] | None = None,
        name: str | None = None,
    ) -> None:
        super().__init__(
            filters,
            across("kernel_size", kernel_size),
            activation,
            stride=across("stride", stride),
            padding=ends(padding),
            dilation=across("dilation", dilation),
            groups=groups,
            use_bias=use_bias,
            initializer=initializer,
            bias_initializer=bias_initializer,
            penalty=penalty,
            constraint=constraint,
            name=name,
        )
        if self.activation in OVER_CLASSES:
            raise ValueError(
                f"activation {self.activation!r} is not for sequences: let the layer end without "
                "one, and add Flatten() and Softmax(), or a Dense layer"
            )
