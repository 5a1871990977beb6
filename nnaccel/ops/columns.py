"""im2col, and its adjoint col2im."""

from __future__ import annotations

from nnaccel.backends import Array
from nnaccel.ops import _check, _geometry
from nnaccel.ops._geometry import Padding, Size
from nnaccel.ops._libraries import of_any_library

__all__ = ["col2im", "im2col"]


@of_any_library
def im2col(
    x: Array,
    kernel_size: Size,
    *,
    stride: Size = 1,
    padding: Padding = 0,
    dilation: Size = 1,
) -> Array:
    """Return the patch of pixels under each position of a window as a column.

    A convolution is then a matrix product: ``w.reshape(K, -1) @ im2col(x, (R, S))``.

    Parameters
    ----------
    x : array, shape (N, C, H, W)
        Images, float32 or float64; their memory may be channels-last.
    kernel_size : int or (R, S)
        Taps of the window, down and across.
    stride, padding, dilation
        As in `conv2d`.

    Returns
    -------
    array, shape (N, C*R*S, OH*OW)

    Raises
    ------
    ValueError
        If the window does not fit.
    TypeError
        If x does not hold floats.

    References
    ----------
    K. Chellapilla, S. Puri and P. Simard, "High performance convolutional neural networks for
    document processing", 2006.

    Examples
    --------
    >>> import numpy as np
    >>> im2col(np.arange(4.0).reshape(1, 1, 2, 2), (1, 2))
    array([[[0., 2.],
            [1., 3.]]])
    """
    backend, (x,) = _check.floats("x", x=x)
    _check.images("x", x)
    window = _geometry.window(x.shape[2:], kernel_size, stride, padding, dilation)
    rows, across = _geometry.output_size(window, x.shape[2:])
    r, s = window.kernel_size
    cols = backend.empty((len(x), x.shape[1] * r * s, rows * across), x.dtype)
    backend.kernels.im2col(x, window, cols)
    return cols


@of_any_library
def col2im(
    cols: Array,
    image_size: Size,
    kernel_size: Size,
    *,
    stride: Size = 1,
    padding: Padding = 0,
    dilation: Size = 1,
) -> Array:
    """Add each column to the patch that `im2col` read it from: its adjoint.

    Parameters
    ----------
    cols : array, shape (N, C*R*S, OH*OW)
        float32 or float64.
    image_size : int or (H, W)
        Size of the images.
    kernel_size : int or (R, S)
        Taps of the window, down and across.
    stride, padding, dilation
        As in `conv2d`.

    Returns
    -------
    array, shape (N, C, H, W)

    Raises
    ------
    ValueError
        If the window does not fit, or the columns are not those of such images.
    TypeError
        If cols does not hold floats.

    Examples
    --------
    >>> import numpy as np
    >>> col2im(np.ones((1, 2, 4)), (2, 3), (1, 2))
    array([[[[1., 2., 1.],
             [1., 2., 1.]]]])
    """
    backend, (cols,) = _check.floats(cols=cols)
    _check.ndim("cols", cols, 3, "(N, C*R*S, OH*OW)")
    size = _geometry.pair("image_size", image_size)
    window = _geometry.window(size, kernel_size, stride, padding, dilation)
    (down, across), (r, s) = _geometry.output_size(window, size), window.kernel_size
    channels = cols.shape[1] // (r * s)
    if cols.shape[1:] != (channels * r * s, down * across) or not channels:
        raise ValueError(
            f"cols has shape {cols.shape}; expected (N, C*{r * s}, {down * across}): a column for "
            f"each of {down}x{across} positions of a {r}x{s} window"
        )
    x = backend.empty((len(cols), channels, *size), cols.dtype)
    backend.kernels.col2im(cols, window, x)
    return x
