"""Activations, forward and backward."""

from __future__ import annotations

from typing import Never

from nnaccel._validate import refuse_unknown, unknown_name
from nnaccel.backends import Array
from nnaccel.ops import _check, _memory
from nnaccel.ops._replay import replayed
from nnaccel_kernels.activations import ACTIVATIONS, FROM_OUTPUT

__all__ = [
    "elu",
    "elu_backward",
    "gelu",
    "gelu_backward",
    "gelu_tanh",
    "gelu_tanh_backward",
    "leaky_relu",
    "leaky_relu_backward",
    "relu",
    "relu_backward",
    "selu",
    "selu_backward",
    "sigmoid",
    "sigmoid_backward",
    "softplus",
    "softplus_backward",
    "tanh",
    "tanh_backward",
]

_FROM_INPUT = set(ACTIVATIONS) - FROM_OUTPUT


@replayed
def activate(name: str, x: Array, alpha: float | None = None) -> Array:
    """Return the activation `name` of x: elementwise, or over the last axis for a softmax."""
    _check.activation(name)
    backend, (x,) = _check.floats("x", x=x)
    if x.ndim == 0 and name not in ACTIVATIONS:
        raise ValueError(f"{name} runs over the last axis, but x is a single number")
    if name not in ACTIVATIONS:
        x = _memory.in_c_order(backend, x)
    y = _memory.empty_like(backend, x)
    if name in ACTIVATIONS:
        stored = _memory.as_stored(x), _memory.as_stored(y)
        backend.kernels.activate(name, _check.alpha(name, alpha), *stored)
    elif x.size:
        getattr(backend.kernels, name)(_rows(x), _rows(y))
    return y


@replayed
def activate_backward(
    name: str, dy: Array, x: Array | None, y: Array | None, alpha: float | None = None
) -> Array:
    """Return the gradient of ``sum(dy * activate(name, x))``.

    It needs x for those that `FROM_OUTPUT` does not have, y for the others.
    """
    _check.activation(name)
    which, known = ("x", x) if name in _FROM_INPUT else ("y", y)
    if known is None:
        raise ValueError(f"the gradient of {name!r} needs {which}, which is None")
    backend, (dy, known) = _check.floats(f"dy {which}", dy=dy, **{which: known})
    _check.same_shape("dy", dy, which, known)
    if name not in ACTIVATIONS:
        known = _memory.in_c_order(backend, known)
    dy = _memory.in_order_of(backend, dy, known)
    dx = _memory.empty_like(backend, known)
    if name in ACTIVATIONS:
        dy, known, stored = (_memory.as_stored(a) for a in (dy, known, dx))
        backend.kernels.activate_backward(name, _check.alpha(name, alpha), dy, known, known, stored)
    elif dy.size:
        getattr(backend.kernels, f"{name}_backward")(_rows(dy), _rows(known), _rows(dx))
    return dx


def relu(x: Array) -> Array:
    """Return ``max(x, 0)`` elementwise.

    Parameters
    ----------
    x : array, any shape
        float32 or float64.

    Examples
    --------
    >>> import numpy as np
    >>> relu(np.array([-1.0, 2.0]))
    array([0., 2.])
    """
    return activate("relu", x)


def relu_backward(dy: Array, y: Array) -> Array:
    """Return dx from dy and ``y = relu(x)``."""
    return activate_backward("relu", dy, None, y)


def sigmoid(x: Array) -> Array:
    """Return ``1 / (1 + exp(-x))`` elementwise.

    Parameters
    ----------
    x : array, any shape
        float32 or float64.

    Examples
    --------
    >>> import numpy as np
    >>> sigmoid(np.array([0.0]))
    array([0.5])
    """
    return activate("sigmoid", x)


def sigmoid_backward(dy: Array, y: Array) -> Array:
    """Return dx from dy and ``y = sigmoid(x)``."""
    return activate_backward("sigmoid", dy, None, y)


def tanh(x: Array) -> Array:
    """Return the hyperbolic tangent elementwise.

    Parameters
    ----------
    x : array, any shape
        float32 or float64.

    Examples
    --------
    >>> import numpy as np
    >>> tanh(np.array([0.0]))
    array([0.])
    """
    return activate("tanh", x)


def tanh_backward(dy: Array, y: Array) -> Array:
    """Return dx from dy and ``y = tanh(x)``."""
    return activate_backward("tanh", dy, None, y)


def leaky_relu(
    x: Array, alpha: float = _check.DEFAULT_ALPHA["leaky_relu"], **unknown: Never
) -> Array:
    """Return x where it is positive, else ``alpha * x``.

    Parameters
    ----------
    x : array, any shape
        float32 or float64.
    alpha : float, default 0.3
        Slope below zero, at least 0.

    References
    ----------
    Maas, Hannun and Ng, "Rectifier nonlinearities improve neural network acoustic models", 2013.

    Examples
    --------
    >>> import numpy as np
    >>> leaky_relu(np.array([-2.0, 2.0]), alpha=0.5)
    array([-1.,  2.])
    """
    if unknown:
        refuse_unknown(leaky_relu, unknown)
    return activate("leaky_relu", x, alpha)


def leaky_relu_backward(
    dy: Array, y: Array, alpha: float = _check.DEFAULT_ALPHA["leaky_relu"]
) -> Array:
    """Return dx from dy and ``y = leaky_relu(x, alpha)``."""
    return activate_backward("leaky_relu", dy, None, y, alpha)


def elu(x: Array, alpha: float = _check.DEFAULT_ALPHA["elu"]) -> Array:
    """Return x where it is positive, else ``alpha * (exp(x) - 1)``.

    Parameters
    ----------
    x : array, any shape
        float32 or float64.
    alpha : float, default 1.0
        Minus the limit towards minus infinity, at least 0.

    References
    ----------
    Clevert, Unterthiner and Hochreiter, "Fast and accurate deep network learning by exponential
    linear units", 2016.

    Examples
    --------
    >>> import numpy as np
    >>> elu(np.array([0.0, 2.0]))
    array([0., 2.])
    """
    return activate("elu", x, alpha)


def elu_backward(dy: Array, y: Array, alpha: float = _check.DEFAULT_ALPHA["elu"]) -> Array:
    """Return dx from dy and ``y = elu(x, alpha)``."""
    return activate_backward("elu", dy, None, y, alpha)


def selu(x: Array) -> Array:
    """Return ``1.0507 x`` where x is positive, else ``1.0507 * 1.6733 * (exp(x) - 1)``.

    With 'lecun_normal' weights the outputs of wide layers keep mean 0 and variance 1.

    Parameters
    ----------
    x : array, any shape
        float32 or float64.

    References
    ----------
    G. Klambauer, T. Unterthiner, A. Mayr and S. Hochreiter, "Self-normalizing neural networks",
    2017.

    Examples
    --------
    >>> import numpy as np
    >>> selu(np.array([0.0, 2.0])).round(4)
    array([0.    , 2.1014])
    """
    return activate("selu", x)


def selu_backward(dy: Array, y: Array) -> Array:
    """Return dx from dy and ``y = selu(x)``."""
    return activate_backward("selu", dy, None, y)


def gelu(x: Array, approximate: str = "none") -> Array:
    """Return x times the standard normal distribution function of x.

    Parameters
    ----------
    x : array, any shape
        float32 or float64.
    approximate : {'none', 'tanh'}, default 'none'
        'tanh' gives `gelu_tanh`.

    References
    ----------
    Hendrycks and Gimpel, "Gaussian error linear units", 2016.

    Examples
    --------
    >>> import numpy as np
    >>> gelu(np.array([0.0]))
    array([0.])
    """
    return activate(_gelu(approximate), x)


def gelu_backward(dy: Array, x: Array, approximate: str = "none") -> Array:
    """Return dx from dy and the input x of `gelu`."""
    return activate_backward(_gelu(approximate), dy, x, None)


def gelu_tanh(x: Array) -> Array:
    """Return ``x / 2 * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 * x**3)))``, close to `gelu`.

    Parameters
    ----------
    x : array, any shape
        float32 or float64.

    References
    ----------
    Hendrycks and Gimpel, "Gaussian error linear units", 2016.

    Examples
    --------
    >>> import numpy as np
    >>> gelu_tanh(np.array([0.0, 2.0])).round(4)
    array([0.    , 1.9546])
    """
    return activate("gelu_tanh", x)


def gelu_tanh_backward(dy: Array, x: Array) -> Array:
    """Return dx from dy and the input x of `gelu_tanh`."""
    return activate_backward("gelu_tanh", dy, x, None)


def softplus(x: Array) -> Array:
    """Return ``log(1 + exp(x))`` elementwise, without overflow.

    Parameters
    ----------
    x : array, any shape
        float32 or float64.

    Examples
    --------
    >>> import numpy as np
    >>> softplus(np.array([0.0])).round(4)
    array([0.6931])
    """
    return activate("softplus", x)


def softplus_backward(dy: Array, y: Array) -> Array:
    """Return dx from dy and ``y = softplus(x)``."""
    return activate_backward("softplus", dy, None, y)


def _gelu(approximate: str) -> str:
    """Return the name of the activation; ValueError for an unknown approximation."""
    named = {"none": "gelu", "tanh": "gelu_tanh"}
    if approximate not in named:
        raise ValueError(unknown_name("approximate", approximate, list(named)))
    return named[approximate]


def _rows(x: Array) -> Array:
    """View of x as a matrix whose rows run along the last axis."""
    return x.reshape(-1, x.shape[-1]) if x.ndim != 2 else x
