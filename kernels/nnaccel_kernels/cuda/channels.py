"""The bias of each channel, and its gradient."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np

from nnaccel_kernels.cuda.runtime.launch import scalar
from nnaccel_kernels.cuda.skeletons.activations import activation_function
from nnaccel_kernels.cuda.skeletons.channel_sum import ChannelSum
from nnaccel_kernels.cuda.skeletons.channelwise import ChannelwiseKernel

__all__ = ["bias_activate", "sum_channels"]


@ChannelSum
def _sum_channels(dy):  # type: ignore[no-untyped-def]
    return dy


def sum_channels(dy: Any, db: Any) -> None:
    """db[k] = sum of dy over N, H and W: the gradient of a convolution's bias."""
    _sum_channels(db, (dy,))


def bias_activate(y: Any, b: Any, activation: str, alpha: float) -> None:
    """y = f(y + b) in place, b per channel or None, for the elementwise activation f."""
    kernel = _bias_activate(activation, y.dtype, b is not None)
    kernel(y, (y,), () if b is None else (b,), scalar(alpha, y))


@cache
def _bias_activate(name: str, dtype: np.dtype[Any], has_bias: bool) -> ChannelwiseKernel:
    f = activation_function(name, dtype)

    @ChannelwiseKernel
    def biased_activation(y, b, alpha):  # type: ignore[no-untyped-def]
        return f(y + b, alpha)

    @ChannelwiseKernel
    def bare_activation(y, alpha):  # type: ignore[no-untyped-def]
        return f(y, alpha)

    return biased_activation if has_bias else bare_activation


def as_pixels(rows: Any) -> Any:
    """A matrix as images of one pixel, whose channels are its columns."""
    return rows.reshape(*rows.shape, 1, 1)
