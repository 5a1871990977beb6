"""Matrix product with bias and activation, and its gradients."""

from __future__ import annotations

from nnaccel.backends import Array, backend_of
from nnaccel.ops import _check
from nnaccel.ops._replay import replayed

__all__ = ["linear", "linear_backward"]


@replayed
def linear(
    x: Array,
    w: Array,
    b: Array | None = None,
    *,
    activation: str = "linear",
    alpha: float | None = None,
) -> Array:
    """Return ``f(x @ w + b)``.

    Parameters
    ----------
    x : array, shape (N, in)
        Inputs, float32 or float64.
    w : array, shape (in, out)
        Weights.
    b : array, shape (out,), optional
        Biases.
    activation : str, default 'linear'
        Elementwise f, fused into the product: any activation whose gradient follows
        from its output, so not 'gelu', 'swish', 'mish', 'hard_swish', 'gelu_tanh' or a
        softmax.
    alpha : float, optional
        Slope of 'leaky_relu' (0.3 by default) or scale of 'elu' (1).

    Returns
    -------
    array, shape (N, out)

    Raises
    ------
    ValueError
        If the shapes do not match.
    TypeError
        If the arrays are of two libraries or dtypes, or not floats.

    Examples
    --------
    >>> import numpy as np
    >>> linear(np.ones((2, 3)), np.ones((3, 1)), np.ones(1))
    array([[4.],
           [4.]])
    """
    _check.fusable_activation(activation)
    backend, (x, w, b) = _check.floats(x=x, w=w, b=b)
    _check_shapes(x, w)
    if b is not None and b.shape != (w.shape[1],):
        raise ValueError(f"b has shape {b.shape}; expected ({w.shape[1]},), one for each output")
    y = backend.empty((x.shape[0], w.shape[1]), x.dtype)
    backend.kernels.linear(x, w, b, activation, _check.alpha(activation, alpha), y)
    return y


@replayed
def linear_backward(
    dy: Array,
    x: Array,
    w: Array,
    *,
    input_gradient: bool = True,
    out: tuple[Array | None, Array | None] | None = None,
) -> tuple[Array | None, Array | None, Array | None]:
    """Return the gradients of ``sum(dy * (x @ w + b))``.

    Parameters
    ----------
    dy : array, shape (N, out)
        Gradient of the loss with respect to the output.
    x : array, shape (N, in)
        Inputs of the forward pass.
    w : array, shape (in, out)
        Weights of the forward pass.
    input_gradient : bool, default True
        Whether to compute dx, which the first layer of a network does not need.
    out : pair of arrays, optional
        Arrays for dw and db; a gradient whose array is None is not computed.

    Returns
    -------
    dx : array, shape (N, in), or None
    dw : array, shape (in, out), or None
    db : array, shape (out,), or None

    Raises
    ------
    ValueError, TypeError
        As `linear`.

    Examples
    --------
    >>> import numpy as np
    >>> dx, dw, db = linear_backward(np.ones((2, 1)), np.ones((2, 3)), np.ones((3, 1)))
    >>> db
    array([2.])
    """
    backend, (dy, x, w) = _check.floats(dy=dy, x=x, w=w)
    _check_shapes(x, w)
    if dy.shape != (x.shape[0], w.shape[1]):
        raise ValueError(f"dy has shape {dy.shape}; expected ({x.shape[0]}, {w.shape[1]})")
    wanted = _check.flag("input_gradient", input_gradient)
    dx = backend.empty(x.shape, x.dtype) if wanted else None
    if out is None:
        out = backend.empty(w.shape, w.dtype), backend.empty(w.shape[1], w.dtype)
    dw, db = out
    backend_of(x, dw, db)
    if dw is not None:
        _check.output("dw", dw, w, w.shape)
    if db is not None:
        _check.output("db", db, w, w.shape[1:])
    backend.kernels.linear_backward(dy, x, w, dx, dw, db)
    return dx, dw, db


def _check_shapes(x: Array, w: Array) -> None:
    _check.ndim("x", x, 2, "(N, in)")
    _check.ndim("w", w, 2, "(in, out)")
    if x.shape[1] != w.shape[0]:
        raise ValueError(
            f"x has {x.shape[1]} columns but w has {w.shape[0]} rows: "
            f"x {x.shape} @ w {w.shape} is not defined"
        )
