"""Encoding of targets: labels, or rows of numbers."""

from __future__ import annotations

from typing import Any

import numpy as np

from nnaccel.training.losses import Loss


def encode_targets(loss: Loss, y: Any, units: int, dtype: Any) -> np.ndarray:
    """Return targets as labels or as rows of numbers, checked against the loss.

    Parameters
    ----------
    loss : Loss
        Decides which targets are valid.
    y : array, shape (N,), (N, 1) or (N, units)
        Integer labels, also as floats such as 2.0; one-hot rows, or numbers.
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
        If the shape does not match, a label is out of range, or a number is NaN or infinite.
    """
    y = np.asarray(y)
    if y.dtype.kind not in "biuf":
        raise ValueError(
            f"targets have dtype {y.dtype}; expected integers or floats (map names to 0, 1, …)"
        )
    if loss.takes == "classes" and units < 2:
        raise ValueError(
            f"{loss.name} needs at least 2 outputs, but the model has {units}: use "
            "binary_crossentropy with one sigmoid output"
        )
    labels = y[:, 0] if y.ndim == 2 and y.shape[1] == 1 and units > 1 else y
    if labels.ndim == 1 and units > 1:
        return as_labels(labels, units)
    if y.ndim == 1:
        y = y[:, None]
    if y.ndim != 2 or y.shape[1] != units:
        raise ValueError(
            f"targets have shape {y.shape}; for a model with {units} outputs expected "
            f"(N, {units})" + (" or integer labels (N,)" if units > 1 else " or (N,)")
        )
    if y.dtype.kind == "f" and not np.isfinite(y).all():
        raise ValueError("targets contain NaN or infinity: remove or replace those rows")
    low, high = {"numbers": (-np.inf, np.inf), "counts": (0, np.inf)}.get(loss.takes, (0, 1))
    if len(y) and (y.min() < low or y.max() > high):
        wanted = "between 0 and 1" if high == 1 else "of at least 0"
        raise ValueError(
            f"targets run from {y.min()} to {y.max()}; {loss.name} needs them {wanted}"
        )
    return np.ascontiguousarray(y, dtype)


def as_labels(y: np.ndarray, units: int, dtype: Any = np.int64) -> np.ndarray:
    """Return a checked copy of labels (N,), or of maps of them, as integers: kernels' indices."""
    y = y.copy()
    if y.dtype.kind == "f" and not (np.isfinite(y).all() and (y == np.floor(y)).all()):
        place = tuple(np.argwhere(~np.isfinite(y) | (y != np.floor(y)))[0])
        found = y[place] if np.isfinite(y[place]) else "NaN or infinity"
        what, each = ("one-dimensional targets", "row") if y.ndim == 1 else ("maps", "pixel")
        shape = ", ".join(map(str, ("N", units, *y.shape[1:])))
        raise ValueError(
            f"{what} of a model with {units} outputs must be whole-numbered "
            f"labels, 0 to {units - 1}, as integers or floats, but row {place[0]} has {found}. To "
            f"fix: number the classes; for {units} values a {each} give targets ({shape})"
        )
    if len(y) and not (y.min() >= 0 and y.max() < units):
        raise ValueError(
            f"labels run from {y.min()} to {y.max()}; with {units} outputs they must lie in "
            f"0..{units - 1}. To fix: give the last layer a unit for each class, or renumber them"
        )
    return y.astype(dtype, copy=False)
