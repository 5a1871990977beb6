"""Zero padding and cropping of images."""

from __future__ import annotations

from nnaccel.backends import Array
from nnaccel.ops import _check, _geometry, _memory
from nnaccel.ops._geometry import Padding
from nnaccel.ops._libraries import of_any_library

__all__ = ["pad2d"]


@of_any_library
def pad2d(x: Array, padding: Padding) -> Array:
    """Return images padded with rows and columns of zeros, or cropped.

    The gradient is the same function with negated `padding`.

    Parameters
    ----------
    x : array, shape (N, C, H, W)
        Images, float32 or float64; their memory may be channels-last.
    padding : int, (down, across) or (top, bottom, left, right)
        Rows and columns to add; a negative number crops.

    Returns
    -------
    array, shape (N, C, H + top + bottom, W + left + right)
        In the memory order of x.

    Raises
    ------
    ValueError
        If the result has no pixels.
    TypeError
        If x does not hold floats.

    Examples
    --------
    >>> import numpy as np
    >>> pad2d(np.ones((1, 1, 1, 2)), (0, 1, 1, 0))
    array([[[[0., 1., 1.],
             [0., 0., 0.]]]])
    """
    backend, (x,) = _check.floats("x", x=x)
    _check.images("x", x)
    margins = _geometry.margins(padding)
    size = _geometry.padded_size(x.shape[2:], margins)
    y = _memory.empty(backend, (*x.shape[:2], *size), x.dtype, _memory.is_channels_last(x))
    backend.kernels.pad2d(x, margins, y)
    return y
