"""Convolution of images, and its gradients."""

from __future__ import annotations

from nnaccel.backends import Array
from nnaccel.ops import _check, _convolution, _geometry, _memory
from nnaccel.ops._geometry import Padding, Size
from nnaccel.ops._replay import replayed
from nnaccel_kernels.window import Window

__all__ = ["conv2d", "conv2d_backward"]

_WEIGHTS = "(K, C/groups, R, S)"


@replayed
def conv2d(
    x: Array,
    w: Array,
    b: Array | None = None,
    *,
    stride: Size = 1,
    padding: Padding = 0,
    dilation: Size = 1,
    groups: int = 1,
    algorithm: str = "auto",
    activation: str = "linear",
    alpha: float | None = None,
    channels_last: bool | None = None,
) -> Array:
    """Return the cross-correlation of images with filters: ``f(x ∗ w + b)``.

    Stride, padding, dilation and groups can be combined freely.

    Parameters
    ----------
    x : array, shape (N, C, H, W)
        Images, float32 or float64; their memory may be channels-last.
    w : array, shape (K, C/groups, R, S)
        K filters. Filters and channels are split into `groups`, and a filter sees the channels of
        its own group only; groups=C is a depthwise convolution.
    b : array, shape (K,), optional
        Biases.
    stride : int or (down, across), default 1
        Pixels from one position of the filter to the next.
    padding : int, (down, across), (top, bottom, left, right), 'same' or 'valid', default 0
        Rows and columns of zeros around the images. 'same' gives an output of size
        ceil(input / stride), with the odd row or column after the image, as ONNX's SAME_UPPER.
    dilation : int or (down, across), default 1
        Pixels from one tap of the filter to the next.
    groups : int, default 1
        Must divide C and K.
    algorithm : {'auto', 'im2col', 'direct', 'gemm', 'winograd'}
        'auto' chooses one by the shapes, and on a GPU by measuring. 'winograd' computes tiles of
        pixels: see the notes.
    activation : str, default 'linear'
        Elementwise f, as for `linear`.
    alpha : float, optional
        Slope of 'leaky_relu' (0.3 by default) or scale of 'elu' (1).
    channels_last : bool, optional
        Memory order of the result; that of x by default.

    Returns
    -------
    array, shape (N, K, OH, OW)
        OH = (H + top + bottom - (R - 1) * dilation - 1) // stride + 1, and OW likewise.

    Raises
    ------
    ValueError
        If the shapes do not match, or the algorithm cannot compute this convolution.
    TypeError
        If the arrays are of two libraries or dtypes, or not floats.

    Notes
    -----
    Winograd's algorithm computes a tile of 4x4 outputs of a 3x3 convolution, or 2x2 of a 5x5 one
    (on a CPU), from all 6x6 inputs under it, so a NaN, or infinity, spoils the whole tile, and an
    outlier puts rounding errors into outputs that do not see it: in float32 mostly 1e-6, at most
    1e-5, of the outlier times the largest weight. That is 1e-4 of a usual output where the outlier
    is some hundred times a usual input. Rescale, or use 'gemm', whose outputs depend on their own
    inputs alone.

    References
    ----------
    V. Dumoulin and F. Visin, "A guide to convolution arithmetic for deep learning", 2016.

    Examples
    --------
    >>> import numpy as np
    >>> conv2d(np.ones((1, 1, 3, 3)), np.ones((1, 1, 2, 2)), np.ones(1))
    array([[[[5., 5.],
             [5., 5.]]]])
    """
    _check.fusable_activation(activation)
    alpha = _check.alpha(activation, alpha)
    backend, (x, w, b) = _check.floats("x", x=x, w=w, b=b)
    window, groups, shape = _arrange(x, w, stride, padding, dilation, groups, algorithm)
    _convolution.bias(b, len(w))
    if channels_last is None:
        channels_last = _memory.is_channels_last(x)
    y = _memory.empty(backend, shape, x.dtype, _check.flag("channels_last", channels_last))
    plan = _convolution.plan(backend, "forward", x, y, w, window, groups, algorithm)
    backend.kernels.conv2d(x, w, b, window, groups, activation, alpha, plan.algorithm, y)
    return y


@replayed
def conv2d_backward(
    dy: Array,
    x: Array,
    w: Array,
    *,
    stride: Size = 1,
    padding: Padding = 0,
    dilation: Size = 1,
    groups: int = 1,
    algorithm: str = "auto",
    input_gradient: bool = True,
    out: tuple[Array | None, Array | None] | None = None,
) -> tuple[Array | None, Array | None, Array | None]:
    """Return the gradients of ``sum(dy * conv2d(x, w, b))``.

    Parameters
    ----------
    dy : array, shape (N, K, OH, OW)
        Gradient of the loss with respect to the output.
    x : array, shape (N, C, H, W)
        Images of the forward pass.
    w : array, shape (K, C/groups, R, S)
        Filters of the forward pass.
    stride, padding, dilation, groups, algorithm
        As in `conv2d`.
    input_gradient : bool, default True
        Whether to compute dx, which the first layer of a network does not need.
    out : pair of arrays, optional
        Arrays for dw and db; a gradient whose array is None is not computed.

    Returns
    -------
    dx : array, shape (N, C, H, W), or None
        In the memory order of x.
    dw : array, shape (K, C/groups, R, S), or None
    db : array, shape (K,), or None

    Raises
    ------
    ValueError, TypeError
        As `conv2d`.

    Examples
    --------
    >>> import numpy as np
    >>> x, w = np.ones((1, 1, 3, 3)), np.ones((1, 1, 2, 2))
    >>> dx, dw, db = conv2d_backward(np.ones((1, 1, 2, 2)), x, w)
    >>> dx
    array([[[[1., 2., 1.],
             [2., 4., 2.],
             [1., 2., 1.]]]])
    """
    backend, (dy, x, w) = _check.floats("dy x", dy=dy, x=x, w=w)
    window, groups, shape = _arrange(x, w, stride, padding, dilation, groups, algorithm)
    _check.shape("dy", dy, shape)
    dw, db = _convolution.gradients(backend, w, len(w), out)
    dx = _memory.empty_like(backend, x) if _check.flag("input_gradient", input_gradient) else None
    how = window, groups
    if dx is not None:
        plan = _convolution.plan(backend, "input_gradient", x, dy, w, *how, algorithm)
        backend.kernels.conv2d_input_gradient(dy, w, *how, plan.algorithm, dx)
    if dw is not None:
        plan = _convolution.plan(backend, "weight_gradient", x, dy, w, *how, algorithm)
        backend.kernels.conv2d_weight_gradient(dy, x, *how, plan.algorithm, dw)
    if db is not None:
        backend.kernels.sum_channels(dy, db)
    return dx, dw, db


def _arrange(
    x: Array,
    w: Array,
    stride: Size,
    padding: Padding,
    dilation: Size,
    groups: int,
    algorithm: str,
) -> tuple[Window, int, tuple[int, ...]]:
    """Check the shapes of x and w; return the window, the groups, and the shape of y."""
    _convolution.algorithm(algorithm)
    _check.images("x", x)
    groups = _convolution.weights(w, groups, _WEIGHTS)
    _convolution.channels("x", x, w, groups)
    window = _geometry.window(x.shape[2:], w.shape[2:], stride, padding, dilation)
    return window, groups, (len(x), len(w), *_geometry.output_size(window, x.shape[2:]))
