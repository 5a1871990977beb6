"""Losses: the mean over the batch, and its gradient with respect to the outputs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from nnaccel.backends import Array, Backend, backend_of
from nnaccel.ops import _check
from nnaccel.ops._libraries import of_any_library
from nnaccel_kernels.half import wide

__all__ = [
    "binary_cross_entropy",
    "categorical_cross_entropy",
    "mse",
    "sigmoid_cross_entropy",
    "softmax_cross_entropy",
]


@of_any_library
def softmax_cross_entropy(logits: Array, targets: Array) -> tuple[Array, Array]:
    """Return the mean cross-entropy of ``softmax(logits)`` and its gradient.

    Parameters
    ----------
    logits : array, shape (N, C)
        float32 or float64.
    targets : array, shape (N,) of integers in 0..C-1, or (N, C) of probabilities
        The classes, as labels or one-hot.

    Returns
    -------
    loss : scalar
        In nats.
    dlogits : array, shape (N, C)

    Raises
    ------
    ValueError
        If shapes do not match or a label is out of range.

    References
    ----------
    C. M. Bishop, *Pattern Recognition and Machine Learning*, 2006, section 4.3.4.

    Examples
    --------
    >>> import numpy as np
    >>> loss, dlogits = softmax_cross_entropy(np.zeros((1, 2)), np.array([0]))
    >>> dlogits
    array([[-0.5,  0.5]])
    """
    return _run(lambda kernels: kernels.softmax_cross_entropy, logits, targets)


@of_any_library
def sigmoid_cross_entropy(logits: Array, targets: Array) -> tuple[Array, Array]:
    """Return the mean, over rows and outputs, of the binary cross-entropy of ``sigmoid(logits)``.

    Parameters
    ----------
    logits : array, shape (N, C)
        float32 or float64.
    targets : array, shape (N, C) of numbers in 0..1, or (N,) of integers in 0..C-1
        Labels count as one-hot rows.

    Returns
    -------
    loss : scalar
        In nats.
    dlogits : array, shape (N, C)

    Examples
    --------
    >>> import numpy as np
    >>> loss, dlogits = sigmoid_cross_entropy(np.zeros((1, 1)), np.ones((1, 1)))
    >>> dlogits
    array([[-0.5]])
    """
    return _run(lambda kernels: kernels.sigmoid_cross_entropy, logits, targets)


@of_any_library
def categorical_cross_entropy(p: Array, targets: Array) -> tuple[Array, Array]:
    """Return the mean cross-entropy of probabilities and its gradient.

    If the probabilities are a softmax, prefer `softmax_cross_entropy`, which cannot overflow.

    Parameters
    ----------
    p : array, shape (N, C)
        Probabilities, at least 1e-7 (smaller ones count as 1e-7).
    targets : array, shape (N,) of integers or (N, C)
        As in `softmax_cross_entropy`.

    Returns
    -------
    loss : scalar
    dp : array, shape (N, C)
    """
    return _run(lambda kernels: kernels.categorical_cross_entropy, p, targets)


@of_any_library
def binary_cross_entropy(p: Array, targets: Array) -> tuple[Array, Array]:
    """Return the mean, over rows and outputs, of the binary cross-entropy of probabilities.

    Parameters
    ----------
    p : array, shape (N, C)
        Probabilities, clipped to [1e-7, 1 - 1e-7].
    targets : array, shape (N, C), or (N,) of integers
        As in `sigmoid_cross_entropy`.

    Returns
    -------
    loss : scalar
    dp : array, shape (N, C)
    """
    return _run(lambda kernels: kernels.binary_cross_entropy, p, targets)


@of_any_library
def mse(y: Array, targets: Array) -> tuple[Array, Array]:
    """Return the mean squared error over rows and outputs, and its gradient.

    Parameters
    ----------
    y : array, shape (N, C)
        Predictions, float32 or float64.
    targets : array, shape (N, C), or (N,) where C is 1
        True values.

    Returns
    -------
    loss : scalar
    dy : array, shape (N, C)

    Examples
    --------
    >>> import numpy as np
    >>> loss, dy = mse(np.array([[1.0, 3.0]]), np.array([[1.0, 1.0]]))
    >>> dy
    array([[0., 2.]])
    """
    return _run(lambda kernels: kernels.mse, y, targets)


def _run(kernel: Callable[[Any], Any], outputs: Array, targets: Array) -> tuple[Array, Array]:
    backend, (outputs,) = _check.floats(outputs=outputs)
    _check.ndim("outputs", outputs, 2, "(N, C)")
    targets = _dense_targets(backend, outputs, targets)
    losses = backend.empty(outputs.shape[0], wide(outputs.dtype))
    gradient = backend.empty(outputs.shape, outputs.dtype)
    if outputs.size:
        kernel(backend.kernels)(outputs, targets, losses, gradient)
    return losses.sum() / max(1, outputs.shape[0]), gradient


def _dense_targets(backend: Backend, outputs: Array, targets: Array) -> Array:
    """Targets in the shape and dtype of `outputs`; labels become one-hot rows."""
    backend_of(outputs, targets)
    count, classes = outputs.shape
    if targets.ndim == 1 and targets.dtype.kind in "iu" and classes > 1:
        if len(targets) != count:
            raise ValueError(f"{len(targets)} targets for {count} rows of outputs")
        if len(targets) and not 0 <= int(targets.min()) <= int(targets.max()) < classes:
            raise ValueError(
                f"labels run from {int(targets.min())} to {int(targets.max())}; "
                f"with {classes} outputs they must lie in 0..{classes - 1}"
            )
        targets = targets[:, None] == backend.xp.arange(classes)
    elif targets.ndim == 1 and classes == 1:
        targets = targets[:, None]
    _check.same_shape("targets", targets, "outputs", outputs)
    return backend.xp.asarray(targets, dtype=outputs.dtype, order="C")
