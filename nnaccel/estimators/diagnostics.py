"""What a linear regression leaves: residuals, leverage, and errors that are not of one variance."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nnaccel.estimators import _checked
from nnaccel.estimators._covariance import Covariance, labelled, of_one_variance
from nnaccel.estimators._linear_fit import LinearFit

Floats = NDArray[np.float64]

_KINDS = ("constant", "HC0", "HC1", "HC2", "HC3")


@dataclass(frozen=True)
class Diagnostics:
    """Residuals and leverage of the rows that a linear regression was fitted to.

    `LinearRegression.diagnose` makes it; `nnaccel.plot.diagnostics` draws its four plots.

    Attributes
    ----------
    fitted, residuals : ndarray, shape (N,)
        Predictions, and observations minus predictions.
    weights : ndarray, shape (N,)
    leverage : ndarray, shape (N,)
        Diagonal of the hat matrix.
    sigma : float
        Residual standard error.

    References
    ----------
    D. A. Belsley, E. Kuh, R. E. Welsch, *Regression Diagnostics*, 1980. J. G. MacKinnon, H. White,
    *Some heteroskedasticity-consistent covariance matrix estimators with improved finite sample
    properties*, Journal of Econometrics 29, 1985.

    Examples
    --------
    >>> from nnaccel.estimators import LinearRegression
    >>> X, y = [[0.0], [1.0], [2.0], [3.0]], [0.0, 1.0, 2.0, 4.0]
    >>> found = LinearRegression().fit(X, y).diagnose(X, y)
    >>> found.leverage.round(2)
    array([0.7, 0.3, 0.3, 0.7])
    >>> found.vcov("HC3").std_error.round(3)
    array([0.514, 0.365])
    """

    fitted: Floats
    residuals: Floats
    weights: Floats
    leverage: Floats
    sigma: float
    _fit: LinearFit = field(repr=False)
    _names: list[str] = field(repr=False)
    _scores: Floats = field(repr=False)  # X times the factor of the covariance, (N, rank)

    @classmethod
    def of(cls, fit: LinearFit, names: list[str], x: Floats, y: Floats, weights: Floats) -> Self:
        """Return the diagnostics of the rows x (N, p), y (N,)."""
        fitted = x @ fit.slopes[:, 0] + fit.intercept[0]
        residuals = y - fitted
        scores, sigma = fit.scores(x), np.sqrt(fit.variance[0])
        leverage = np.minimum(weights * (scores**2).sum(axis=1), 1)
        return cls(fitted, residuals, weights, leverage, float(sigma), fit, names, scores)

    @property
    def rank(self) -> int:
        """Number of coefficients that the rows determine, with the intercept."""
        return self._fit.rank

    @cached_property
    def standardized(self) -> Floats:
        """Residuals divided by their standard error; NaN where the leverage is 1."""
        with np.errstate(divide="ignore", invalid="ignore"):
            root = self.sigma * np.sqrt(1 - self.leverage)
            return np.where(
                self.leverage < 1 - 1e-10, np.sqrt(self.weights) * self.residuals / root, np.nan
            )

    @cached_property
    def studentized(self) -> Floats:
        """Residuals divided by the standard error that they have without their own row."""
        free, squared = self._fit.degrees_of_freedom, self.standardized**2
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.asarray(self.standardized * np.sqrt((free - 1) / (free - squared)))

    @cached_property
    def cooks_distance(self) -> Floats:
        """How far all predictions move without a row, on the scale of their covariance."""
        with np.errstate(divide="ignore", invalid="ignore"):
            moved = self.leverage / (1 - self.leverage)
        return np.asarray(self.standardized**2 * moved / self._fit.rank)

    def vcov(self, kind: str = "HC3", *, groups: ArrayLike | None = None) -> Covariance:
        """Return the covariance of the coefficients, for `summary` and `confint`.

        Parameters
        ----------
        kind : {'constant', 'HC0', 'HC1', 'HC2', 'HC3'}, default 'HC3'
            'constant' for errors of one variance, the others for errors of any variances.
        groups : array_like, shape (N,), optional
            For errors that are dependent within groups, the group of each row, instead of `kind`;
            corrected as by Stata, with tests on as many degrees of freedom as groups, less one.

        Returns
        -------
        Covariance

        Raises
        ------
        ValueError
            If the fit leaves no residuals, groups are fewer than two or missing, HC2 or HC3
            meets a leverage of 1, or variances overflow.
        """
        if groups is not None:
            return self._clustered(np.asarray(groups))
        _checked.choice("kind", kind, _KINDS)
        fit = self._fit
        if kind == "constant":
            return of_one_variance(fit, self._names)
        free, rest = self._require_errors(), 1 - self.leverage
        if kind in ("HC2", "HC3") and (rest < 1e-10)[self.weights > 0].any():
            raise ValueError(
                f"{kind} divides by 1 - leverage, but a row alone determines its prediction. To "
                "fix: take HC1, or leave the coefficient out that only this row has"
            )
        power = {"HC0": 0.0, "HC1": 0.0, "HC2": 0.5, "HC3": 1.0}[kind]
        factor = np.sqrt(fit.rows / free) if kind == "HC1" else 1.0
        with np.errstate(divide="ignore"):
            root = factor * self.weights * self.residuals / rest**power
        scaled = self._scores * root[:, None]
        return self._sandwich(scaled, kind, free)

    def _clustered(self, groups: NDArray[np.generic]) -> Covariance:
        if groups.shape != self.residuals.shape:
            raise ValueError(
                f"groups has shape {groups.shape}, but there are {len(self.residuals)} rows"
            )
        index = _group_indices(groups[self.weights > 0])
        count = int(index.max()) + 1
        if count < 2:
            raise ValueError("groups has one group, which tells nothing of errors between groups")
        each = (self._scores * (self.weights * self.residuals)[:, None])[self.weights > 0]
        sums = np.zeros((count, each.shape[1]))
        np.add.at(sums, index, each)
        factor = count / (count - 1) * (self._fit.rows - 1) / self._require_errors()
        return self._sandwich(sums * np.sqrt(factor), f"{count} clusters", count - 1)

    def _require_errors(self) -> int:
        """Return the degrees of freedom; ValueError if there are none."""
        free = self._fit.degrees_of_freedom
        if free < 1:
            raise ValueError(
                f"{self._fit.rows} rows for {self.rank} coefficients leave no residuals, so that "
                "nothing is known of the errors. To fix: give more rows, or fewer variables"
            )
        return free

    def _sandwich(self, scores: Floats, kind: str, degrees_of_freedom: float) -> Covariance:
        root = scores @ self._fit.factor.T
        with np.errstate(over="ignore", invalid="ignore"):
            matrix = root.T @ root
        return labelled(self._fit, self._names, matrix, kind, max(degrees_of_freedom, 1))


def _group_indices(groups: NDArray[Any]) -> NDArray[np.intp]:
    """Return the index of each row's group; an error if groups are missing or of several types."""
    missing = sum(group is None or group != group for group in groups.tolist())
    if missing:
        raise ValueError(
            f"groups has {missing} missing values. To fix: name a group for each row, or leave "
            "these rows out of the fit"
        )
    try:
        return np.unique(groups, return_inverse=True)[1]
    except TypeError:
        kinds = sorted({type(group).__name__ for group in groups})
        raise TypeError(
            f"groups are of several types, {' and '.join(kinds)}: convert them to one"
        ) from None
