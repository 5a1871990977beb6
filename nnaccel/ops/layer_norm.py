"""Layer normalisation, and its gradients."""

from __future__ import annotations

from nnaccel._validate import check_range
from nnaccel.backends import Array, backend_of
from nnaccel.ops import _check
from nnaccel.ops._replay import replayed
from nnaccel_kernels.half import wide

__all__ = ["layer_norm", "layer_norm_backward"]


@replayed
def layer_norm(
    x: Array, gamma: Array, beta: Array, *, epsilon: float = 1e-3
) -> tuple[Array, Array, Array]:
    """Normalise each row to mean 0 and standard deviation 1, then scale and shift its features.

    Parameters
    ----------
    x : array, shape (N, F)
        float32 or float64.
    gamma, beta : array, shape (F,)
        Scale and shift.
    epsilon : float, default 1e-3
        Above 0; added to the variance.

    Returns
    -------
    y : array, shape (N, F)
    mean, inv_std : array, shape (N,)
        Mean, and inverse standard deviation, of each row; for `layer_norm_backward`.

    Raises
    ------
    ValueError
        If the shapes do not match, or epsilon is not above 0.
    TypeError
        If the arrays are of two libraries or dtypes, or not floats.

    References
    ----------
    J. L. Ba, J. R. Kiros and G. E. Hinton, "Layer normalization", 2016.

    Examples
    --------
    >>> import numpy as np
    >>> y, _, _ = layer_norm(np.array([[1.0, 3.0]]), np.ones(2), np.zeros(2), epsilon=1e-9)
    >>> y.round(3)
    array([[-1.,  1.]])
    """
    backend, (x, gamma, beta) = _check.floats(x=x, gamma=gamma, beta=beta)
    _check_shapes(x, gamma=gamma, beta=beta)
    check_range("epsilon", epsilon, 0, float("inf"), open_low=True)
    y = backend.empty(x.shape, x.dtype)
    mean, inv_std = (backend.empty(len(x), wide(x.dtype)) for _ in range(2))
    backend.kernels.layer_norm(x, gamma, beta, float(epsilon), mean, inv_std, y)
    return y, mean, inv_std


@replayed
def layer_norm_backward(
    dy: Array,
    x: Array,
    gamma: Array,
    mean: Array,
    inv_std: Array,
    *,
    input_gradient: bool = True,
    out: tuple[Array, Array] | None = None,
) -> tuple[Array | None, Array, Array]:
    """Return the gradients of ``sum(dy * layer_norm(x, gamma, beta)[0])``.

    Parameters
    ----------
    dy, x : array, shape (N, F)
        Gradient of the loss with respect to y, and the input of the forward pass.
    gamma : array, shape (F,)
        Scale of the forward pass.
    mean, inv_std : array, shape (N,)
        As `layer_norm` returned them.
    input_gradient : bool, default True
        Whether to compute dx.
    out : pair of arrays, optional
        Arrays for dgamma and dbeta.

    Returns
    -------
    dx : array, shape (N, F), or None
    dgamma, dbeta : array, shape (F,)

    Raises
    ------
    ValueError, TypeError
        As `layer_norm`.

    Examples
    --------
    >>> import numpy as np
    >>> x, gamma = np.array([[1.0, 3.0]]), np.ones(2)
    >>> _, *statistics = layer_norm(x, gamma, np.zeros(2))
    >>> layer_norm_backward(np.ones((1, 2)), x, gamma, *statistics)[2]
    array([1., 1.])
    """
    backend, (dy, x, gamma, mean, inv_std) = _check.floats(
        dy=dy, x=x, gamma=gamma, mean=mean, inv_std=inv_std
    )
    _check_shapes(x, gamma=gamma)
    _check.same_shape("dy", dy, "x", x)
    for name, a in (("mean", mean), ("inv_std", inv_std)):
        _check.shape(name, a, x.shape[:1])
    if out is None:
        out = backend.empty(gamma.shape, gamma.dtype), backend.empty(gamma.shape, gamma.dtype)
    dgamma, dbeta = out
    backend_of(x, dgamma, dbeta)
    for name, a in (("dgamma", dgamma), ("dbeta", dbeta)):
        _check.output(name, a, gamma, gamma.shape)
    wanted = _check.flag("input_gradient", input_gradient)
    dx = backend.empty(x.shape, x.dtype) if wanted else None
    backend.kernels.layer_norm_backward(dy, x, gamma, mean, inv_std, dx, dgamma, dbeta)
    return dx, dgamma, dbeta


def _check_shapes(x: Array, **each: Array) -> None:
    """Raise a ValueError unless x is (N, F), F > 0, and `each` array has shape (F,)."""
    _check.ndim("x", x, 2, "(N, F)")
    if not x.shape[1]:
        raise ValueError(f"x has shape {x.shape}: there is no feature to normalise")
    for name, a in each.items():
        _check.shape(name, a, x.shape[1:])
