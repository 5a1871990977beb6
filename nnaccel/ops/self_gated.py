"""Activations that multiply their input by a gate between 0 and 1, which it sets itself."""

from __future__ import annotations

from nnaccel.backends import Array
from nnaccel.ops.activation import activate, activate_backward

__all__ = [
    "hard_swish",
    "hard_swish_backward",
    "mish",
    "mish_backward",
    "swish",
    "swish_backward",
]


def swish(x: Array) -> Array:
    """Return ``x * sigmoid(x)`` elementwise, also called SiLU.

    Parameters
    ----------
    x : array, any shape
        float32 or float64.

    References
    ----------
    P. Ramachandran, B. Zoph and Q. V. Le, "Searching for activation functions", 2017.

    Examples
    --------
    >>> import numpy as np
    >>> swish(np.array([0.0, 2.0])).round(4)
    array([0.    , 1.7616])
    """
    return activate("swish", x)


def swish_backward(dy: Array, x: Array) -> Array:
    """Return dx from dy and the input x of `swish`."""
    return activate_backward("swish", dy, x, None)


def mish(x: Array) -> Array:
    """Return ``x * tanh(softplus(x))`` elementwise.

    Parameters
    ----------
    x : array, any shape
        float32 or float64.

    References
    ----------
    D. Misra, "Mish: a self regularized non-monotonic activation function", 2019.

    Examples
    --------
    >>> import numpy as np
    >>> mish(np.array([0.0, 2.0])).round(4)
    array([0.   , 1.944])
    """
    return activate("mish", x)


def mish_backward(dy: Array, x: Array) -> Array:
    """Return dx from dy and the input x of `mish`."""
    return activate_backward("mish", dy, x, None)


def hard_swish(x: Array) -> Array:
    """Return ``x * clip(x + 3, 0, 6) / 6`` elementwise: `swish` in straight pieces.

    Parameters
    ----------
    x : array, any shape
        float32 or float64.

    References
    ----------
    A. Howard et al., "Searching for MobileNetV3", ICCV 2019.

    Examples
    --------
    >>> import numpy as np
    >>> hard_swish(np.array([-4.0, 0.0, 1.5, 4.0]))
    array([-0.   ,  0.   ,  1.125,  4.   ])
    """
    return activate("hard_swish", x)


def hard_swish_backward(dy: Array, x: Array) -> Array:
    """Return dx from dy and the input x of `hard_swish`."""
    return activate_backward("hard_swish", dy, x, None)
