"""Max and average pooling, and their gradients."""

from __future__ import annotations

from nnaccel.backends import Array
from nnaccel.ops import _check, _geometry, _memory
from nnaccel.ops._geometry import Padding, Size
from nnaccel.ops._replay import replayed
from nnaccel_kernels.window import Window

__all__ = ["avg_pool2d", "avg_pool2d_backward", "max_pool2d", "max_pool2d_backward"]


@replayed
def max_pool2d(
    x: Array,
    kernel_size: Size,
    *,
    stride: Size | None = None,
    padding: Padding = 0,
    dilation: Size = 1,
    ceil_mode: bool = False,
) -> Array:
    """Return the maximum under each position of a window, channel by channel.

    Parameters
    ----------
    x : array, shape (N, C, H, W)
        Images, float32 or float64; their memory may be channels-last.
    kernel_size : int or (R, S)
        Taps of the window, down and across.
    stride : int or (down, across), optional
        Pixels from one position of the window to the next; `kernel_size` by default.
    padding : int, (down, across), (top, bottom, left, right), 'same' or 'valid', default 0
        Rows and columns by which the window extends beyond the image; they do not count.
    dilation : int or (down, across), default 1
        Pixels from one tap of the window to the next.
    ceil_mode : bool, default False
        Whether a last window that starts before the end padding may extend beyond it.

    Returns
    -------
    array, shape (N, C, OH, OW)
        In the memory order of x. Minus infinity where a window has no tap inside the image; NaN
        where a tap is NaN.

    Raises
    ------
    ValueError
        If the window does not fit.
    TypeError
        If x does not hold floats.

    Examples
    --------
    >>> import numpy as np
    >>> max_pool2d(np.arange(8.0).reshape(1, 1, 2, 4), 2)
    array([[[[5., 7.]]]])
    """
    backend, (x,) = _check.floats("x", x=x)
    window, shape = _arrange(x, kernel_size, stride, padding, dilation, ceil_mode)
    y = _memory.empty(backend, shape, x.dtype, _memory.is_channels_last(x))
    backend.kernels.max_pool2d(x, window, y)
    return y


@replayed
def max_pool2d_backward(
    dy: Array,
    x: Array,
    y: Array,
    kernel_size: Size,
    *,
    stride: Size | None = None,
    padding: Padding = 0,
    dilation: Size = 1,
    ceil_mode: bool = False,
) -> Array:
    """Return dx from dy and ``y = max_pool2d(x)``; the first of equal pixels gets the gradient.

    Parameters
    ----------
    dy : array, shape (N, C, OH, OW)
        Gradient of the loss with respect to y.
    x : array, shape (N, C, H, W)
        Images of the forward pass.
    y : array, shape (N, C, OH, OW)
        Result of the forward pass.
    kernel_size, stride, padding, dilation, ceil_mode
        As in `max_pool2d`.

    Returns
    -------
    array, shape (N, C, H, W)
        In the memory order of x.

    Raises
    ------
    ValueError, TypeError
        As `max_pool2d`.

    Examples
    --------
    >>> import numpy as np
    >>> x = np.arange(4.0).reshape(1, 1, 2, 2)
    >>> max_pool2d_backward(np.ones((1, 1, 1, 1)), x, max_pool2d(x, 2), 2)
    array([[[[0., 0.],
             [0., 1.]]]])
    """
    backend, (dy, x, y) = _check.floats("dy x y", dy=dy, x=x, y=y)
    window, shape = _arrange(x, kernel_size, stride, padding, dilation, ceil_mode)
    _check.shape("y", y, shape)
    _check.same_shape("dy", dy, "y", y)
    dx = _memory.empty_like(backend, x)
    dy, y = (_memory.in_order_of(backend, a, x) for a in (dy, y))
    backend.kernels.max_pool2d_backward(dy, x, y, window, dx)
    return dx


@replayed
def avg_pool2d(
    x: Array,
    kernel_size: Size,
    *,
    stride: Size | None = None,
    padding: Padding = 0,
    dilation: Size = 1,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
) -> Array:
    """Return the mean under each position of a window, channel by channel.

    Parameters
    ----------
    x : array, shape (N, C, H, W)
        Images, float32 or float64; their memory may be channels-last.
    kernel_size, stride, padding, dilation, ceil_mode
        As in `max_pool2d`.
    count_include_pad : bool, default True
        Whether the padding counts as zeros; pixels beyond it, in `ceil_mode`, never count.

    Returns
    -------
    array, shape (N, C, OH, OW)
        In the memory order of x.

    Raises
    ------
    ValueError
        If the window does not fit.
    TypeError
        If x does not hold floats.

    Examples
    --------
    >>> import numpy as np
    >>> avg_pool2d(np.arange(8.0).reshape(1, 1, 2, 4), 2)
    array([[[[2.5, 4.5]]]])
    """
    backend, (x,) = _check.floats("x", x=x)
    window, shape = _arrange(x, kernel_size, stride, padding, dilation, ceil_mode)
    y = _memory.empty(backend, shape, x.dtype, _memory.is_channels_last(x))
    counted = _check.flag("count_include_pad", count_include_pad)
    backend.kernels.avg_pool2d(x, window, counted, y)
    return y


@replayed
def avg_pool2d_backward(
    dy: Array,
    x: Array,
    kernel_size: Size,
    *,
    stride: Size | None = None,
    padding: Padding = 0,
    dilation: Size = 1,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
) -> Array:
    """Return dx from dy and the input x of `avg_pool2d`; only the shape of x matters.

    Parameters
    ----------
    dy : array, shape (N, C, OH, OW)
        Gradient of the loss with respect to the output.
    x : array, shape (N, C, H, W)
        Images of the forward pass.
    kernel_size, stride, padding, dilation, ceil_mode, count_include_pad
        As in `avg_pool2d`.

    Returns
    -------
    array, shape (N, C, H, W)
        In the memory order of x.

    Raises
    ------
    ValueError, TypeError
        As `avg_pool2d`.

    Examples
    --------
    >>> import numpy as np
    >>> avg_pool2d_backward(np.ones((1, 1, 1, 1)), np.zeros((1, 1, 2, 2)), 2)
    array([[[[0.25, 0.25],
             [0.25, 0.25]]]])
    """
    backend, (dy, x) = _check.floats("dy x", dy=dy, x=x)
    window, shape = _arrange(x, kernel_size, stride, padding, dilation, ceil_mode)
    _check.shape("dy", dy, shape)
    dx = _memory.empty_like(backend, x)
    dy = _memory.in_order_of(backend, dy, x)
    counted = _check.flag("count_include_pad", count_include_pad)
    backend.kernels.avg_pool2d_backward(dy, window, counted, dx)
    return dx


def _arrange(
    x: Array,
    kernel_size: Size,
    stride: Size | None,
    padding: Padding,
    dilation: Size,
    ceil_mode: bool,
) -> tuple[Window, tuple[int, ...]]:
    """Return the window and the shape of the result."""
    _check.images("x", x)
    ceil_mode = _check.flag("ceil_mode", ceil_mode)
    stride = kernel_size if stride is None else stride
    window = _geometry.window(x.shape[2:], kernel_size, stride, padding, dilation)
    return window, (*x.shape[:2], *_geometry.output_size(window, x.shape[2:], ceil_mode))
