"""Max and average pooling layers for sequences."""

from __future__ import annotations

from nnaccel.layers._sequences import Ends, OneRow, across, ends
from nnaccel.layers.pool import AvgPool2D, MaxPool2D

__all__ = ["AvgPool1D", "MaxPool1D"]


class MaxPool1D(OneRow, MaxPool2D):
    """Maximum under each position of a window over sequences, channel by channel.

    Inputs are (C, L), or (L,) for one channel; outputs (C, positions).

    Parameters
    ----------
    pool_size : int, default 2
        Taps of the window.
    stride : int, optional
        Steps from one position of the window to the next; `pool_size` by default.
    padding : int, (start, end), 'same' or 'valid', default 0
        By how much the window extends beyond the sequence; what is there does not count.
    dilation : int, default 1
        Steps from one tap of the window to the next.
    ceil_mode : bool, default False
        Whether a last window that starts before the end padding may extend beyond it.
    name : str, optional
        Unique within a model; chosen for you by default.

    Raises
    ------
    ValueError
        If a number is out of its range.

    Examples
    --------
    >>> import numpy as np
    >>> y, _ = MaxPool1D(2).forward(np.array([[[1.0, 3.0, 2.0, 0.0]]]))
    >>> y
    array([[[3., 2.]]])
    """

    def __init__(
        self,
        pool_size: int = 2,
        stride: int | None = None,
        padding: Ends = 0,
        dilation: int = 1,
        ceil_mode: bool = False,
        *,
        name: str | None = None,
    ) -> None:
        super().__init__(
            across("pool_size", pool_size),
            None if stride is None else across("stride", stride),
            ends(padding),
            across("dilation", dilation),
            ceil_mode,
            name=name,
        )


class AvgPool1D(OneRow, AvgPool2D):
    """Mean under each position of a window over sequences, channel by channel.

    Inputs are (C, L), or (L,) for one channel; outputs (C, positions).

    Parameters
    ----------
    pool_size, stride, padding, dilation, ceil_mode
        As for `MaxPool1D`.
    count_include_pad : bool, default True
        Whether the padding counts as zeros; what is beyond it, in `ceil_mode`, never counts.
    name : str, optional
        Unique within a model; chosen for you by default.

    Raises
    ------
    ValueError
        If a number is out of its range.

    Examples
    --------
    >>> import numpy as np
    >>> y, _ = AvgPool1D(2).forward(np.array([[[1.0, 3.0, 2.0, 0.0]]]))
    >>> y
    array([[[2., 1.]]])
    """

    def __init__(
        self,
        pool_size: int = 2,
        stride: int | None = None,
        padding: Ends = 0,
        dilation: int = 1,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
        *,
        name: str | None = None,
    ) -> None:
        super().__init__(
            across("pool_size", pool_size),
            None if stride is None else across("stride", stride),
            ends(padding),
            across("dilation", dilation),
            ceil_mode,
            count_include_pad,
            name=name,
        )
