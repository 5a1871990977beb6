"""Covariance of least-squares coefficients: of one variance, heteroscedastic, or in clusters."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nnaccel.estimators._collinear import listed
from nnaccel.estimators._linear_fit import LinearFit

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Covariance:
    """Covariance of the coefficients of a regression; ``np.asarray`` of it is the matrix.

    Attributes
    ----------
    names : tuple of str
        Names of the coefficients, the intercept first.
    matrix : ndarray, shape (len(names), len(names))
        NaN for coefficients that the rows do not determine.
    kind : str
        Such as 'HC3'.
    degrees_of_freedom : float
        Of the tests of coefficients.
    """

    names: tuple[str, ...]
    matrix: Floats
    kind: str
    degrees_of_freedom: float

    @property
    def std_error(self) -> Floats:
        """Standard errors of the coefficients."""
        return np.sqrt(np.diagonal(self.matrix))

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        return np.array(self.matrix, dtype, copy=copy)


def of_one_variance(fit: LinearFit, names: list[str]) -> Covariance:
    """Return the covariance for independent errors of one variance."""
    free = fit.degrees_of_freedom
    with np.errstate(over="ignore", invalid="ignore"):
        matrix = fit.variance[0] * fit.factor @ fit.factor.T
    return labelled(fit, names, matrix, "independent errors of one variance", max(free, 1))


def labelled(
    fit: LinearFit, names: list[str], matrix: Floats, kind: str, degrees_of_freedom: float
) -> Covariance:
    """Return a covariance of the coefficients, NaN for those that the rows do not determine.

    Raises
    ------
    ValueError
        If variances overflow.
    """
    unknown = np.array(fit.dependent, int) + 1
    matrix = np.array(matrix)
    overflowing = np.flatnonzero(np.isinf(np.diagonal(matrix))).tolist()
    if overflowing:
        which = listed(("(Intercept)", *names), overflowing)
        raise ValueError(
            f"the variance of the coefficient of {which} overflows, because the numbers in X are "
            "so small. To fix: give them in another unit"
        )
    matrix[unknown] = matrix[:, unknown] = np.nan
    if not fit.converged:
        matrix[...] = np.nan
    first = 0 if fit.has_intercept else 1
    rows = ("(Intercept)", *names)[first:]
    return Covariance(rows, matrix[first:, first:], kind, degrees_of_freedom)


def checked(covariance: ArrayLike | Covariance, usual: Covariance) -> Covariance:
    """Return a covariance that was given for the coefficients of `usual`."""
    if isinstance(covariance, str):
        raise TypeError(
            f"covariance must be a matrix or a Covariance, not {covariance!r}. To fix: give "
            f"diagnose(X, y).vcov({covariance!r})"
        )
    matrix = np.asarray(covariance, np.float64)
    if matrix.shape != usual.matrix.shape:
        raise ValueError(
            f"covariance has shape {matrix.shape}, but the model has {len(usual.names)} "
            "coefficients, with the intercept first"
        )
    if isinstance(covariance, Covariance):
        return covariance
    if (np.diagonal(matrix) < 0).any():
        raise ValueError("covariance has variances below 0 on its diagonal")
    return Covariance(usual.names, matrix, "as given", usual.degrees_of_freedom)
