"""Batch normalisation, and its gradients."""

from __future__ import annotations

from nnaccel.backends import Array, backend_of
from nnaccel.ops import _check, _memory
from nnaccel.ops._libraries import of_any_library
from nnaccel_kernels.half import wide

__all__ = ["batch_norm", "batch_norm_backward"]


@of_any_library
def batch_norm(
    x: Array,
    gamma: Array,
    beta: Array,
    running_mean: Array,
    running_var: Array,
    *,
    training: bool = False,
    momentum: float = 0.99,
    epsilon: float = 1e-3,
) -> tuple[Array, Array, Array]:
    """Scale and shift each channel to mean beta and standard deviation gamma.

    Training uses the mean and biased variance of the batch, and updates the running statistics:
    ``running = momentum * running + (1 - momentum) * batch``, as in Keras. Inference uses the
    running statistics.

    Parameters
    ----------
    x : array, shape (N, C, H, W) or (N, C)
        float32 or float64; the memory of images may be channels-last.
    gamma, beta : array, shape (C,)
        Scale and shift.
    running_mean, running_var : array, shape (C,)
        Written in place in training, and then C-contiguous.
    training : bool, default False
        Whether to use the statistics of the batch.
    momentum : float in [0, 1], default 0.99
        Share of the running statistics kept.
    epsilon : float, default 1e-3
        Above 0; added to the variance.

    Returns
    -------
    y : array, shape of x
        In the memory order of x.
    mean, inv_std : array, shape (C,)
        Mean, and inverse standard deviation, used; for `batch_norm_backward`.

    Raises
    ------
    ValueError
        If the shapes do not match, or a setting is out of range.
    TypeError
        If the arrays are of two libraries or dtypes, or not floats.

    References
    ----------
    S. Ioffe and C. Szegedy, "Batch normalization: accelerating deep network training by reducing
    internal covariate shift", 2015.

    Examples
    --------
    >>> import numpy as np
    >>> one, zero = np.ones(1), np.zeros(1)
    >>> x = np.array([[1.0], [3.0]])
    >>> batch_norm(x, one, zero, zero.copy(), one.copy(), training=True)[0].round(2)
    array([[-1.],
           [ 1.]])
    """
    _check.batch_norm(momentum, epsilon)
    training = _check.flag("training", training)
    backend, (x, gamma, beta) = _check.floats("x", x=x, gamma=gamma, beta=beta)
    backend_of(x, running_mean, running_var)
    channels = _channels(x, gamma=gamma, beta=beta)
    given = {"running_mean": running_mean, "running_var": running_var}
    if training:
        for name, a in given.items():
            _check.output(name, a, gamma, (channels,))
    else:
        _, (_, running_mean, running_var) = _check.floats("x", x=x, **given)
        _channels(x, **given)
    y, inv_std = _memory.empty_like(backend, x), backend.empty(channels, wide(gamma.dtype))
    running, images = (running_mean, running_var), (_as_images(x), _as_images(y))
    scale = gamma, beta, float(epsilon)
    if not training:
        backend.kernels.batch_norm_inference(images[0], *scale, *running, inv_std, images[1])
        return y, running_mean, inv_std
    mean = backend.empty(channels, wide(gamma.dtype))  # holds the sum over the batch first
    statistics = float(momentum), *running, mean, inv_std
    backend.kernels.batch_norm(images[0], *scale, *statistics, images[1])
    return y, mean, inv_std


@of_any_library
def batch_norm_backward(
    dy: Array,
    x: Array,
    gamma: Array,
    mean: Array,
    inv_std: Array,
    *,
    training: bool = False,
    input_gradient: bool = True,
    out: tuple[Array, Array] | None = None,
) -> tuple[Array | None, Array, Array]:
    """Return the gradients of ``sum(dy * batch_norm(x, gamma, beta, …)[0])``.

    Parameters
    ----------
    dy : array, shape of x
        Gradient of the loss with respect to y.
    x : array, shape (N, C, H, W) or (N, C)
        Input of the forward pass.
    gamma : array, shape (C,)
        Scale of the forward pass.
    mean, inv_std : array, shape (C,)
        As `batch_norm` returned them.
    training : bool, default False
        As in the forward pass. The statistics of the batch depend on x too.
    input_gradient : bool, default True
        Whether to compute dx.
    out : pair of arrays, optional
        Arrays for dgamma and dbeta.

    Returns
    -------
    dx : array, shape of x, or None
        In the memory order of x.
    dgamma, dbeta : array, shape (C,)

    Raises
    ------
    ValueError, TypeError
        As `batch_norm`.

    Examples
    --------
    >>> import numpy as np
    >>> one, zero = np.ones(1), np.zeros(1)
    >>> dx, dgamma, dbeta = batch_norm_backward(np.ones((2, 1)), np.eye(2)[:, :1], one, zero, one)
    >>> dbeta
    array([2.])
    """
    backend, (dy, x, gamma, mean, inv_std) = _check.floats(
        "dy x", dy=dy, x=x, gamma=gamma, mean=mean, inv_std=inv_std
    )
    channels = _channels(x, gamma=gamma, mean=mean, inv_std=inv_std)
    _check.same_shape("dy", dy, "x", x)
    dgamma, dbeta = out or (backend.empty(gamma.shape, gamma.dtype) for _ in range(2))
    backend_of(x, dgamma, dbeta)
    for name, a in (("dgamma", dgamma), ("dbeta", dbeta)):
        _check.output(name, a, gamma, (channels,))
    dx = _memory.empty_like(backend, x) if _check.flag("input_gradient", input_gradient) else None
    dy, image = _as_images(_memory.in_order_of(backend, dy, x)), _as_images(x)
    written = None if dx is None else _as_images(dx), dgamma, dbeta
    training = _check.flag("training", training)
    backend.kernels.batch_norm_backward(dy, image, gamma, mean, inv_std, training, *written)
    return dx, dgamma, dbeta


def _channels(x: Array, **each: Array) -> int:
    """Return the number of channels C; ValueError unless `each` array has shape (C,)."""
    if x.ndim not in (2, 4):
        raise ValueError(f"x has shape {x.shape}; expected (N, C, H, W) or (N, C)")
    if 0 in x.shape[1:]:
        raise ValueError(f"x has shape {x.shape}: its channels are empty")
    channels = int(x.shape[1])
    for name, a in each.items():
        if a.shape != (channels,):
            raise ValueError(f"{name} has shape {a.shape}; expected ({channels},), one per channel")
    return channels


def _as_images(x: Array) -> Array:
    """View of features (N, C) as images of one pixel; images as they are."""
    return x.reshape(*x.shape, 1, 1) if x.ndim == 2 else x
