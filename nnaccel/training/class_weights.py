"""Weights of classes, as weights of their rows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def weigh_classes(
    class_weight: Any, classes: NDArray[Any], codes: NDArray[np.intp], weights: Floats
) -> Floats:
    """Return the weights of rows, multiplied by those of their classes.

    Parameters
    ----------
    class_weight : None, 'balanced' or dict
        'balanced' gives all classes the same sum of weights; a dict maps classes to weights, 1
        for those not in it.
    classes : ndarray, shape (C,)
    codes : ndarray, shape (N,)
        Index of each row's class.
    weights : ndarray, shape (N,)

    Raises
    ------
    ValueError
        If `class_weight` is none of these, names another class, or has a weight that is negative
        or not finite, or all are 0.
    """
    if class_weight is None:
        return weights
    if isinstance(class_weight, Mapping):
        return weights * _chosen(class_weight, classes.tolist())[codes]
    if not isinstance(class_weight, str) or class_weight != "balanced":
        raise ValueError(
            f"class_weight={class_weight!r} must be None, 'balanced', or a dict of classes and "
            "their weights"
        )
    sums = np.bincount(codes, weights, len(classes))
    present = sums > 0
    factors = np.ones(len(classes))
    factors[present] = sums.sum() / (present.sum() * sums[present])
    return weights * factors[codes]


def _chosen(class_weight: Mapping[Any, Any], classes: list[Any]) -> Floats:
    """Return the weight of each class from a dict."""
    unknown = [label for label in class_weight if label not in classes]
    if unknown:
        raise ValueError(f"class_weight names {unknown[0]!r}, but the classes are {classes}")
    try:
        factors = np.array([class_weight.get(label, 1.0) for label in classes], np.float64)
    except (TypeError, ValueError):  # such as text
        factors = np.array([np.nan])
    if not (np.isfinite(factors).all() and (factors >= 0).all() and factors.any()):
        raise ValueError(
            f"class_weight={class_weight!r} must hold finite weights of at least 0, one of them "
            "above 0"
        )
    return factors


def weigh_rows(
    class_weight: Any, targets: NDArray[Any], weights: NDArray[Any] | None, units: int, dtype: Any
) -> NDArray[Any] | None:
    """Return the weights of a network's rows, multiplied by those of their classes.

    Parameters
    ----------
    class_weight : None, 'balanced' or dict
        As for `weigh_classes`; classes are 0 to C-1.
    targets : ndarray
        As returned by `encode_targets`: labels (N,), one-hot rows, or a column of 0 and 1; or by
        `encode_maps`, of pixels.
    weights : ndarray, shape (N,) or (N, pixels), or None
        1 for each row by default.
    units : int
        Outputs of the network.
    dtype : dtype
        Of the result.

    Returns
    -------
    ndarray, shape (N,) or (N, pixels), or None
        None without weights.

    Raises
    ------
    ValueError
        As `weigh_classes`, or if targets are not one class a row, or a weight is infinite in the
        dtype.
    """
    if class_weight is None:
        return weights
    codes = _codes(targets, units)
    given = np.ones(len(codes)) if weights is None else weights.astype(np.float64).reshape(-1)
    with np.errstate(over="ignore"):
        weighed = weigh_classes(class_weight, np.arange(max(2, units)), codes, given).astype(dtype)
    if not np.isfinite(weighed).all():
        raise ValueError(
            f"class_weight={class_weight!r} gives weights that are infinite in {np.dtype(dtype)}: "
            "give weights of about 1; only their ratios matter"
        )
    return weighed if len(codes) == len(targets) else weighed.reshape(len(targets), -1)


def _codes(targets: NDArray[Any], units: int) -> NDArray[np.intp]:
    """Return each row's class, or each pixel's."""
    if targets.dtype.kind in "iu":
        return targets.reshape(-1)
    targets = targets.reshape(-1, units)
    if ((targets == 0) | (targets == 1)).all():
        if targets.shape[1] == 1:
            return targets[:, 0].astype(np.intp)
        if (targets.sum(axis=1) == 1).all():
            codes: NDArray[np.intp] = targets.argmax(axis=1)
            return codes
    raise ValueError(
        f"class_weight needs one class a row, but targets of shape {targets.shape} are not labels, "
        "one-hot rows, or 0 and 1. To fix: give sample_weight"
    )
