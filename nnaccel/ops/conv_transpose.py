"""Transposed convolution of images, the adjoint of convolution, and its gradients."""

from __future__ import annotations

from nnaccel.backends import Array
from nnaccel.ops import _check, _convolution, _geometry, _memory
from nnaccel.ops._geometry import Padding, Size
from nnaccel.ops._replay import replayed
from nnaccel_kernels.window import Window

__all__ = ["conv_transpose2d", "conv_transpose2d_backward"]

_WEIGHTS = "(C, K/groups, R, S)"


@replayed
def conv_transpose2d(
    x: Array,
    w: Array,
    b: Array | None = None,
    *,
    stride: Size = 1,
    padding: Padding = 0,
    output_padding: Size = 0,
    dilation: Size = 1,
    groups: int = 1,
    algorithm: str = "auto",
    activation: str = "linear",
    alpha: float | None = None,
    channels_last: bool | None = None,
) -> Array:
    """Return the transposed convolution of images with filters.

    Each pixel of x adds its multiple of the filters to the result. It is the input gradient of
    `conv2d` with the same settings.

    Parameters
    ----------
    x : array, shape (N, C, H, W)
        Images, float32 or float64; their memory may be channels-last.
    w : array, shape (C, K/groups, R, S)
        Filters of a `conv2d` from K to C channels.
    b : array, shape (K,), optional
        Biases.
    stride : int or (down, across), default 1
        Pixels of the result from one pixel of x to the next.
    padding : int, (down, across), (top, bottom, left, right), 'same' or 'valid', default 0
        Rows and columns cropped from the result. 'same' makes it stride times as large as x.
    output_padding : int or (down, across), default 0
        Rows and columns added at the bottom and right, less than the stride or the dilation.
    dilation : int or (down, across), default 1
        Pixels from one tap of the filter to the next.
    groups : int, default 1
        Must divide C and K.
    algorithm, activation, alpha, channels_last
        As in `conv2d`.

    Returns
    -------
    array, shape (N, K, OH, OW)
        OH = (H - 1) * stride - top - bottom + (R - 1) * dilation + output_padding + 1, and OW
        likewise.

    Raises
    ------
    ValueError
        If the shapes do not match, or the algorithm cannot compute this convolution.
    TypeError
        If the arrays are of two libraries or dtypes, or not floats.

    References
    ----------
    V. Dumoulin and F. Visin, "A guide to convolution arithmetic for deep learning", 2016.

    Examples
    --------
    >>> import numpy as np
    >>> conv_transpose2d(np.ones((1, 1, 1, 2)), np.ones((1, 1, 1, 2)), stride=2)
    array([[[[1., 1., 1., 1.]]]])
    """
    _check.fusable_activation(activation)
    alpha = _check.alpha(activation, alpha)
    backend, (x, w, b) = _check.floats("x", x=x, w=w, b=b)
    settings = stride, padding, output_padding, dilation
    window, groups, shape = _arrange(x, w, *settings, groups, algorithm)
    _convolution.bias(b, shape[1])
    if channels_last is None:
        channels_last = _memory.is_channels_last(x)
    y = _memory.empty(backend, shape, x.dtype, _check.flag("channels_last", channels_last))
    plan = _convolution.plan(backend, "input_gradient", y, x, w, window, groups, algorithm)
    backend.kernels.conv2d_input_gradient(x, w, window, groups, plan.algorithm, y)
    if b is not None or activation != "linear":
        backend.kernels.bias_activate(y, b, activation, alpha)
    return y


@replayed
def conv_transpose2d_backward(
    dy: Array,
    x: Array,
    w: Array,
    *,
    stride: Size = 1,
    padding: Padding = 0,
    output_padding: Size = 0,
    dilation: Size = 1,
    groups: int = 1,
    algorithm: str = "auto",
    input_gradient: bool = True,
    out: tuple[Array | None, Array | None] | None = None,
) -> tuple[Array | None, Array | None, Array | None]:
    """Return the gradients of ``sum(dy * conv_transpose2d(x, w, b))``.

    Parameters
    ----------
    dy : array, shape (N, K, OH, OW)
        Gradient of the loss with respect to the output.
    x : array, shape (N, C, H, W)
        Images of the forward pass.
    w : array, shape (C, K/groups, R, S)
        Filters of the forward pass.
    stride, padding, output_padding, dilation, groups, algorithm
        As in `conv_transpose2d`.
    input_gradient : bool, default True
        Whether to compute dx.
    out : pair of arrays, optional
        Arrays for dw and db; a gradient whose array is None is not computed.

    Returns
    -------
    dx : array, shape (N, C, H, W), or None
        In the memory order of x.
    dw : array, shape (C, K/groups, R, S), or None
    db : array, shape (K,), or None

    Raises
    ------
    ValueError, TypeError
        As `conv_transpose2d`.

    Examples
    --------
    >>> import numpy as np
    >>> x, w = np.ones((1, 1, 1, 2)), np.ones((1, 1, 1, 2))
    >>> dx, dw, db = conv_transpose2d_backward(np.ones((1, 1, 1, 4)), x, w, stride=2)
    >>> dx, db
    (array([[[[2., 2.]]]]), array([4.]))
    """
    backend, (dy, x, w) = _check.floats("dy x", dy=dy, x=x, w=w)
    settings = stride, padding, output_padding, dilation
    window, groups, shape = _arrange(x, w, *settings, groups, algorithm)
    _check.shape("dy", dy, shape)
    dw, db = _convolution.gradients(backend, w, shape[1], out)
    dx = _memory.empty_like(backend, x) if _check.flag("input_gradient", input_gradient) else None
    how = window, groups
    if dx is not None:
        plan = _convolution.plan(backend, "forward", dy, x, w, *how, algorithm)
        backend.kernels.conv2d(dy, w, None, *how, "linear", 0.0, plan.algorithm, dx)
    if dw is not None:
        plan = _convolution.plan(backend, "weight_gradient", dy, x, w, *how, algorithm)
        backend.kernels.conv2d_weight_gradient(x, dy, *how, plan.algorithm, dw)
    if db is not None:
        backend.kernels.sum_channels(dy, db)
    return dx, dw, db


def _arrange(
    x: Array,
    w: Array,
    stride: Size,
    padding: Padding,
    output_padding: Size,
    dilation: Size,
    groups: int,
    algorithm: str,
) -> tuple[Window, int, tuple[int, ...]]:
    """Check the shapes of x and w; return the window, the groups, and the shape of y."""
    _convolution.algorithm(algorithm)
    _check.images("x", x)
    groups = _convolution.weights(w, groups, _WEIGHTS)
    if x.shape[1] != len(w):
        raise ValueError(
            f"w expects {len(w)} channels, so x must have {len(w)}, but has {x.shape[1]}"
        )
    settings = stride, padding, output_padding, dilation
    window, size = _geometry.transposed_window(x.shape[2:], w.shape[2:], *settings)
    return window, groups, (len(x), w.shape[1] * groups, *size)
