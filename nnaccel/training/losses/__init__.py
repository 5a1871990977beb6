"""Losses by name: which kernel computes each, and which targets it takes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from nnaccel import _validate
from nnaccel.backends import Array, Backend


@dataclass(frozen=True)
class Loss:
    """A loss that a model can be compiled with.

    Attributes
    ----------
    name : str
        Keras's name.
    kernel : str
        Name of the kernel that takes the model's outputs.
    fused_activation, fused_kernel : str
        The last activation that is best computed together with the loss, and the kernel that does
        so from the logits, without overflow.
    """

    name: str
    kernel: str
    fused_activation: str = ""
    fused_kernel: str = ""

    def kernel_for(self, fused: bool) -> str:
        """Return the kernel's name, for logits if `fused`, else for outputs."""
        return self.fused_kernel if fused else self.kernel

    def rows(
        self, backend: Backend, outputs: Array, targets: Array, fused: bool
    ) -> tuple[Array, Array]:
        """Return each row's loss, and the gradient of their mean with respect to the outputs."""
        losses = backend.empty(outputs.shape[0], outputs.dtype)
        gradient = backend.empty(outputs.shape, outputs.dtype)
        getattr(backend.kernels, self.kernel_for(fused))(outputs, targets, losses, gradient)
        return losses, gradient


_MSE = Loss("mse", "mse")
_BINARY = Loss("binary_crossentropy", "binary_cross_entropy", "sigmoid", "sigmoid_cross_entropy")
_CATEGORICAL = Loss(
    "categorical_crossentropy", "categorical_cross_entropy", "softmax", "softmax_cross_entropy"
)
LOSSES = {
    "mse": _MSE,
    "mean_squared_error": _MSE,
    "binary_crossentropy": _BINARY,
    "categorical_crossentropy": _CATEGORICAL,
    "sparse_categorical_crossentropy": _CATEGORICAL,
}


def get(loss: str | Loss) -> Loss:
    """Return the loss called `loss`.

    Raises
    ------
    ValueError
        If the name is unknown; the message has the nearest match.

    Examples
    --------
    >>> get("mse").name
    'mse'
    """
    if isinstance(loss, Loss):
        return loss
    if not isinstance(loss, str) or loss not in LOSSES:
        raise ValueError(_validate.unknown_name("loss", loss, list(LOSSES)))
    return LOSSES[loss]


def encode_targets(loss: Loss, y: Any, units: int, dtype: Any) -> np.ndarray:
    """Return targets in the form that training gathers.

    Parameters
    ----------
    loss : Loss
        Decides what one-dimensional targets mean.
    y : array, shape (N,), (N, 1) or (N, units)
        Integer labels, one-hot rows, or numbers.
    units : int
        Outputs of the model.
    dtype : dtype
        Of the model.

    Returns
    -------
    array
        int64 labels of shape (N,), to be made one-hot batch by batch, or floats (N, units).

    Raises
    ------
    ValueError
        If shapes do not fit, labels are out of range, or a number is NaN or infinite.
    """
    y = np.asarray(y)
    if y.dtype.kind not in "biuf":
        raise ValueError(
            f"targets have dtype {y.dtype}; expected integers or floats (map names to 0, 1, …)"
        )
    if loss == _CATEGORICAL and units < 2:
        raise ValueError(
            f"{loss.name} needs at least 2 outputs, but the model has {units}: use "
            "binary_crossentropy with one sigmoid output"
        )
    labels = y[:, 0] if y.ndim == 2 and y.shape[1] == 1 and units > 1 else y
    if labels.ndim == 1 and units > 1:
        return _labels(labels, units)
    if y.ndim == 1:
        y = y[:, None]
    if y.ndim != 2 or y.shape[1] != units:
        raise ValueError(
            f"targets have shape {y.shape}; for a model with {units} outputs expected "
            f"(N, {units})" + (" or integer labels (N,)" if units > 1 else " or (N,)")
        )
    if y.dtype.kind == "f" and not np.isfinite(y).all():
        raise ValueError("targets contain NaN or infinity: remove or replace those rows")
    if loss != _MSE and len(y) and (y.min() < 0 or y.max() > 1):
        raise ValueError(
            f"targets run from {y.min()} to {y.max()}; {loss.name} needs them between 0 and 1"
        )
    return np.ascontiguousarray(y, dtype)


def _labels(y: np.ndarray, units: int) -> np.ndarray:
    """Return a checked copy of labels as int64: kernels write where they point."""
    y = y.copy()
    if y.dtype.kind == "f" and (not np.isfinite(y).all() or (y != np.floor(y)).any()):
        raise ValueError(
            f"one-dimensional targets of a model with {units} outputs must be whole-numbered "
            "labels, but some are fractional, NaN or infinite"
        )
    if len(y) and not (y.min() >= 0 and y.max() < units):
        raise ValueError(
            f"labels run from {y.min()} to {y.max()}; with {units} outputs they must lie in "
            f"0..{units - 1}: give the last layer as many units as there are classes, or fix them"
        )
    return y.astype(np.int64, copy=False)
