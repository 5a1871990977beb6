"""What least squares settles, and what is told of it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from numpy.typing import NDArray

from nnaccel.backends import get_backend
from nnaccel.estimators._collinear import ROUNDING
from nnaccel.estimators._least_squares import least_squares

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
    rss, tss : ndarray, shape (k,)
        Residual and total sums of squares; the latter about the mean if there is an intercept.
    quartiles : ndarray, shape (5, k)
        Of the residuals, from the smallest to the largest.
    """

    intercept: Floats
    slopes: Floats
    factor: Floats
    dependent: list[int]
    has_intercept: bool
    rows: int
    rss: Floats
    tss: Floats
    quartiles: Floats

    @classmethod
    def of(cls, x: Floats, y: Floats, weights: Floats, intercept: bool) -> Self:
        """Fit y (N, k) by x (N, p), about their weighted means if there is an intercept."""
        total = weights.sum()
        x_mean = weights @ x / total if intercept else np.zeros(x.shape[1])
        y_mean = weights @ y / total if intercept else np.zeros(y.shape[1])
        root = np.sqrt(weights)[:, None]
        backend = get_backend()
        centred = root * (x - x_mean)
        size = np.abs(root * x).max(axis=0)
        centred[:, np.abs(centred).max(axis=0) <= ROUNDING * size] = 0
        found = least_squares(backend.asarray(centred), backend.asarray(root * (y - y_mean)))
        first = np.zeros((1, found.rank))
        factor = np.concatenate([first - x_mean @ found.factor, found.factor])
        if intercept:
            mean = np.zeros((len(factor), 1))
            mean[0] = 1 / np.sqrt(total)
            factor = np.concatenate([mean, factor], axis=1)
        used = weights > 0
        fit = cls(
            intercept=y_mean - x_mean @ found.coef,
            slopes=found.coef,
            factor=factor,
            dependent=found.dependent,
            has_intercept=intercept,
            rows=int(used.sum()),
            rss=np.zeros(y.shape[1]),
            tss=weights @ (y - y_mean) ** 2,
            quartiles=np.zeros((5, y.shape[1])),
        )
        return fit.measured(x, y, weights)

    def moved_to(self, coef: Floats, x: Floats, y: Floats, weights: Floats) -> Self:
        """Return the fit with other coefficients: a row for the intercept, if any, and slopes."""
        first = coef[0] if self.has_intercept else self.intercept
        slopes = coef[1:] if self.has_intercept else coef
        return replace(self, intercept=first, slopes=slopes).measured(x, y, weights)

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
