"""Softmax and its logarithm over an axis, forward and backward."""

from __future__ import annotations

import math
from operator import index
from typing import Never

from nnaccel._validate import refuse_unknown
from nnaccel.backends import Array, Backend
from nnaccel.ops import _check, _memory
from nnaccel.ops._replay import replayed
from nnaccel.ops.activation import activate, activate_backward

__all__ = ["log_softmax", "log_softmax_backward", "softmax", "softmax_backward"]


def softmax(x: Array, axis: int = -1, **unknown: Never) -> Array:
    """Return the softmax over an axis, without overflow.

    Parameters
    ----------
    x : array, any shape
        Logits, float32 or float64.
    axis : int, default -1
        Axis over which outputs sum to 1, counted from the end if negative.

    Raises
    ------
    ValueError
        If x has no such axis.

    Examples
    --------
    >>> import numpy as np
    >>> softmax(np.array([[0.0, 0.0]]))
    array([[0.5, 0.5]])
    >>> softmax(np.array([[0.0, 0.0]]), axis=0)
    array([[1., 1.]])
    """
    if unknown:
        refuse_unknown(softmax, unknown)
    return activate("softmax", x) if axis == -1 else _across("softmax", x, axis)


def softmax_backward(dy: Array, y: Array, axis: int = -1) -> Array:
    """Return dx from dy and ``y = softmax(x, axis)``."""
    if axis == -1:
        return activate_backward("softmax", dy, None, y)
    return _across_backward("softmax", dy, y, axis)


def log_softmax(x: Array, axis: int = -1, **unknown: Never) -> Array:
    """Return the logarithm of the softmax over an axis, without overflow.

    Parameters
    ----------
    x : array, any shape
        Logits, float32 or float64.
    axis : int, default -1
        As for `softmax`.

    Raises
    ------
    ValueError
        If x has no such axis.

    Examples
    --------
    >>> import numpy as np
    >>> log_softmax(np.array([[0.0, 0.0]])).round(4)
    array([[-0.6931, -0.6931]])
    """
    if unknown:
        refuse_unknown(log_softmax, unknown)
    return activate("log_softmax", x) if axis == -1 else _across("log_softmax", x, axis)


def log_softmax_backward(dy: Array, y: Array, axis: int = -1) -> Array:
    """Return dx from dy and ``y = log_softmax(x, axis)``."""
    if axis == -1:
        return activate_backward("log_softmax", dy, None, y)
    return _across_backward("log_softmax", dy, y, axis)


@replayed
def _across(name: str, x: Array, axis: int) -> Array:
    """Return the activation over any axis."""
    backend, (x,) = _check.floats("x", x=x)
    if _are_neighbours(x, axis):
        return activate(name, _memory.as_stored(x)).transpose(0, 3, 1, 2)
    x = _memory.in_c_order(backend, x)
    return _back(backend, activate(name, _last(backend, x, axis)), x, axis)


@replayed
def _across_backward(name: str, dy: Array, y: Array, axis: int) -> Array:
    """Return the gradient of an activation over any axis."""
    backend, (dy, y) = _check.floats("dy y", dy=dy, y=y)
    _check.same_shape("dy", dy, "y", y)
    if _are_neighbours(y, axis):
        dy = _memory.in_order_of(backend, dy, y)
        stored = (_memory.as_stored(a) for a in (dy, y))
        return activate_backward(name, next(stored), None, next(stored)).transpose(0, 3, 1, 2)
    last = (_last(backend, _memory.in_c_order(backend, a), axis) for a in (dy, y))
    return _back(backend, activate_backward(name, next(last), None, next(last)), y, axis)


def _are_neighbours(x: Array, axis: int) -> bool:
    """Whether what lies along the axis lies side by side: the channels of channels-last images."""
    return axis in (1, -3) and _memory.is_channels_last(x)


def _last(backend: Backend, x: Array, axis: int) -> Array:
    """Return x as (before, after, C), where C is the axis and the others are what is around it."""
    before, channels, after = _around(x, axis)
    moved = backend.empty((before, after, 1, channels), x.dtype)
    if x.size:
        images = x.reshape(before, channels, after, 1)
        backend.kernels.copy(images, moved.transpose(0, 3, 1, 2))
    return moved.reshape(before, after, channels)


def _back(backend: Backend, moved: Array, like: Array, axis: int) -> Array:
    """Return the array that `_last` makes `moved` of, in the shape of `like`."""
    before, channels, after = _around(like, axis)
    found = backend.empty(like.shape, like.dtype)
    if found.size:
        pixels = moved.reshape(before, after, 1, channels).transpose(0, 3, 1, 2)
        backend.kernels.copy(pixels, found.reshape(before, channels, after, 1))
    return found


def _around(x: Array, axis: int) -> tuple[int, int, int]:
    """Return the sizes before, along and after an axis; ValueError if x does not have it."""
    at = index(axis)
    if not -x.ndim <= at < x.ndim:
        raise ValueError(f"axis={axis} is none of x, which has shape {x.shape}")
    at %= x.ndim
    return math.prod(x.shape[:at]), x.shape[at], math.prod(x.shape[at + 1 :])
