"""The least-squares fit of a linear regression."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from numpy.typing import NDArray

from nnaccel.backends import get_backend
from nnaccel.estimators._least_squares import centred, least_squares

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class LinearFit:
    """A least-squares fit, with its residuals and the factor of its covariance.

    Attributes
    ----------
    intercept : ndarray, shape (k,)
        0 without intercept.
    slopes : ndarray, shape (p, k)
    factor : ndarray, shape (p + 1, rank)
        ``factor @ factor.T`` is the covariance of intercept and slopes for errors of variance 1.
    dependent : list of int
        Columns of x whose slopes the rows do not determine.
    has_intercept : bool
    rows : int
        Rows with a weight above 0.
    weighted : bool
        Whether their weights differ.
    converged : bool
        Whether these are the coefficients of least squares.
    rss, tss : ndarray, shape (k,)
        Residual and total sums of squares; the latter about the mean with an intercept.
    squares : ndarray, shape (k,)
        Sum of squares of the response, about 0.
    quartiles : ndarray, shape (5, k)
        Minimum, quartiles and maximum of the residuals.
    """

    intercept: Floats
    slopes: Floats
    factor: Floats
    dependent: list[int]
    has_intercept: bool
    rows: int
    weighted: bool
    converged: bool
    rss: Floats
    tss: Floats
    squares: Floats
    quartiles: Floats

    @classmethod
    def of(cls, x: Floats, y: Floats, weights: Floats, intercept: bool) -> Self:
        """Fit y (N, k) by x (N, p), centred at their weighted means with an intercept."""
        x_centred, x_mean = centred(x, weights, intercept)
        y_centred, y_mean = centred(y, weights, intercept)
        backend = get_backend()
        found = least_squares(backend.asarray(x_centred), backend.asarray(y_centred))
        first = np.zeros((1, found.rank))
        factor = np.concatenate([first - x_mean @ found.factor, found.factor])
        if intercept:
            mean = np.zeros((len(factor), 1))
            mean[0] = 1 / np.sqrt(weights.sum())
            factor = np.concatenate([mean, factor], axis=1)
        used = weights > 0
        fit = cls(
            intercept=y_mean - x_mean @ found.coef,
            slopes=found.coef,
            factor=factor,
            dependent=found.dependent,
            has_intercept=intercept,
            rows=int(used.sum()),
            weighted=bool(np.ptp(weights[used]) > 0),
            converged=True,
            rss=np.zeros(y.shape[1]),
            tss=weights @ (y - y_mean) ** 2,
            squares=weights @ y**2,
            quartiles=np.zeros((5, y.shape[1])),
        )
        return fit.with_residuals(x, y, weights)

    def with_coef(
        self, coef: Floats, converged: bool, x: Floats, y: Floats, weights: Floats
    ) -> Self:
        """Return the fit with other coefficients: the row of intercepts, if any, then slopes."""
        first = coef[0] if self.has_intercept else self.intercept
        slopes = coef[1:] if self.has_intercept else coef
        fit = replace(self, intercept=first, slopes=slopes, converged=converged)
        return fit.with_residuals(x, y, weights)

    def with_residuals(self, x: Floats, y: Floats, weights: Floats) -> Self:
        """Return the fit with the sum of squares and the quartiles of its residuals."""
        residuals = y - x @ self.slopes - self.intercept
        shown = (np.sqrt(weights)[:, None] * residuals)[weights > 0]
        quartiles = np.quantile(shown, [0, 0.25, 0.5, 0.75, 1], axis=0)
        return replace(self, rss=(shown**2).sum(axis=0), quartiles=quartiles)

    @property
    def variance(self) -> Floats:
        """Residual variance of each response; NaN without degrees of freedom."""
        free = self.degrees_of_freedom
        return self.rss / free if free > 0 else np.full(self.rss.shape, np.nan)

    @property
    def lengths(self) -> Floats:
        """Standard errors of intercept and slopes for errors of variance 1, shape (p + 1,)."""
        largest = np.abs(self.factor).max(axis=1, initial=0.0, keepdims=True)
        shares = self.factor / np.where(largest > 0, largest, 1)  # whose squares do not overflow
        return np.asarray(largest[:, 0] * np.sqrt((shares**2).sum(axis=1)))

    def scores(self, x: Floats) -> Floats:
        """Rows x, with the intercept, times the factor of the covariance: (N, rank)."""
        return np.asarray(self.factor[0] + x @ self.factor[1:])

    @property
    def rank(self) -> int:
        """Number of coefficients that the rows determine, with the intercept."""
        return int(self.factor.shape[1])

    @property
    def degrees_of_freedom(self) -> int:
        """Rows minus rank."""
        return self.rows - self.rank
