"""What least squares settles, and what is told of it."""

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
    """A least-squares fit, with what its standard errors need.

    Attributes
    ----------
    intercept : ndarray, shape (k,)
        0 without one.
    slopes : ndarray, shape (p, k)
    factor : ndarray, shape (p + 1, rank)
        Times its transpose, the covariance of intercept and slopes for errors of variance 1.
    dependent : list of int
        Columns of x whose slopes the rows do not settle.
    has_intercept : bool
    rows : int
        Rows whose weight is not 0.
    weighted : bool
        Whether their weights differ.
    converged : bool
        Whether these are the coefficients of least squares.
    rss, tss : ndarray, shape (k,)
        Residual and total sums of squares; the latter about the mean if there is an intercept.
    squares : ndarray, shape (k,)
        Sum of squares of the response, about 0.
    quartiles : ndarray, shape (5, k)
        Of the residuals, from the smallest to the largest.
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
        """Fit y (N, k) by x (N, p), about their weighted means if there is an intercept."""
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
        return fit.measured(x, y, weights)

    def moved_to(
        self, coef: Floats, converged: bool, x: Floats, y: Floats, weights: Floats
    ) -> Self:
        """Return the fit with other coefficients: a row for the intercept, if any, and slopes."""
        first = coef[0] if self.has_intercept else self.intercept
        slopes = coef[1:] if self.has_intercept else coef
        moved = replace(self, intercept=first, slopes=slopes, converged=converged)
        return moved.measured(x, y, weights)

    def measured(self, x: Floats, y: Floats, weights: Floats) -> Self:
        """Return the fit with its residuals looked at."""
        residuals = y - x @ self.slopes - self.intercept
        shown = (np.sqrt(weights)[:, None] * residuals)[weights > 0]
        quartiles = np.quantile(shown, [0, 0.25, 0.5, 0.75, 1], axis=0)
        return replace(self, rss=(shown**2).sum(axis=0), quartiles=quartiles)

    @property
    def rank(self) -> int:
        """Coefficients that are settled, the intercept among them."""
        return int(self.factor.shape[1])

    @property
    def degrees_of_freedom(self) -> int:
        """Rows beyond those that the coefficients take."""
        return self.rows - self.rank
