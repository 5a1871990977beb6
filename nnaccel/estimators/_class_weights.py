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
        or not finite.
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
    factors = np.array([class_weight.get(label, 1.0) for label in classes], np.float64)
    if not (np.isfinite(factors).all() and (factors >= 0).all()):
        raise ValueError(f"class_weight={class_weight!r} must hold finite weights of at least 0")
    return factors
