"""Linear regression."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, MultiOutputMixin, RegressorMixin
from sklearn.utils.validation import check_is_fitted

from nnaccel._validate import Explained, whole_number
from nnaccel.estimators import _checked
from nnaccel.estimators._collinear import warn_of_dependence
from nnaccel.estimators._covariance import Covariance, checked, of_one_variance
from nnaccel.estimators._intervals import Intervals, PredictionInterval, quantile
from nnaccel.estimators._linear_fit import LinearFit
from nnaccel.estimators._linear_summary import summarise
from nnaccel.estimators._objective import Objective
from nnaccel.estimators._summary import Summary
from nnaccel.estimators.diagnostics import Diagnostics
from nnaccel.ops import _check
from nnaccel.training.losses import MeanSquaredError

Floats = NDArray[np.float64]


class LinearRegression(MultiOutputMixin, RegressorMixin, Explained, BaseEstimator):
    """Least squares, solved directly or by gradient descent.

    Parameters
    ----------
    solver : {'ols', 'gd'}, default 'ols'
        'ols' solves by normal equations where they are accurate, else by a QR factorisation; 'gd'
        steps down the gradient ``x.T @ (y_hat - y) / N`` of half the mean squared error.
    fit_intercept : bool, default True
        Whether to fit an intercept.
    learning_rate : float, default 0.1
        Factor of the gradient in a step of 'gd'.
    max_iter : int, default 200
        Most steps of 'gd'.
    tol : float, default 1e-8
        'gd' stops when no component of the gradient exceeds this, checked after every 100 steps.

    Attributes
    ----------
    coef_ : ndarray, shape (p,) or (k, p)
        Slopes; a row for each response if y has two axes. If the rows do not determine them, those
        of least norm.
    intercept_ : float or ndarray of shape (k,)
    rank_ : int
        Number of slopes that the rows determine.
    n_iter_ : int
        Steps of 'gd'; 1 for 'ols'.
    n_features_in_ : int
    feature_names_in_ : ndarray of str
        Only if X has names.

    Raises
    ------
    ValueError
        If the data or a parameter cannot be used.
    DivergenceError
        If `learning_rate` is too large for the data.

    References
    ----------
    T. Hastie, R. Tibshirani, J. Friedman, *The Elements of Statistical Learning*, 2nd ed., 2009,
    section 3.2.

    Examples
    --------
    >>> model = LinearRegression().fit([[0.0], [1.0], [2.0]], [1.0, 3.0, 5.0])
    >>> model.coef_.round(6), round(model.intercept_, 6)
    (array([2.]), 1.0)
    """

    def __init__(
        self,
        solver: str = "ols",
        *,
        fit_intercept: bool = True,
        learning_rate: float = 0.1,
        max_iter: int = 200,
        tol: float = 1e-8,
    ) -> None:
        self.solver = solver
        self.fit_intercept = fit_intercept
        self.learning_rate = learning_rate
        self.max_iter = max_iter
        self.tol = tol

    def fit(
        self,
        X: ArrayLike,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
        *,
        coef_init: ArrayLike | None = None,
        intercept_init: ArrayLike | None = None,
    ) -> Self:
        """Fit the coefficients.

        Parameters
        ----------
        X : array_like, shape (N, p)
        y : array_like, shape (N,) or (N, k)
        sample_weight : array_like, shape (N,), optional
            Weight of each row.
        coef_init, intercept_init : float or array_like, optional
            Initial values for 'gd', in the shapes of `coef_` and `intercept_`; 0 by default.

        Returns
        -------
        self
        """
        _checked.choice("solver", self.solver, ("ols", "gd"))
        intercept = _check.flag("fit_intercept", self.fit_intercept)
        x, t = _checked.pair(self, X, y, multi_output=True, y_numeric=True)
        weights = _checked.weights_of(x, sample_weight)
        responses = np.asarray(t, np.float64).reshape(len(x), -1)
        shape = x.shape[1], responses.shape[1]
        begin = _checked.start(self.solver, coef_init, intercept_init, shape, intercept)
        fit = LinearFit.of(x, responses, weights, intercept)
        warn_of_dependence(x, weights, _checked.names(self), fit.dependent, intercept)
        self.n_iter_ = 1
        if self.solver == "gd":
            coef, converged = self._descend(x, responses, weights, begin)
            fit = fit.with_coef(coef, converged, x, responses, weights)
        self._fit = fit
        self.rank_ = fit.rank - intercept
        many = t.ndim == 2
        self.coef_ = fit.slopes.T if many else fit.slopes[:, 0]
        self.intercept_ = fit.intercept if many else float(fit.intercept[0])
        return self

    def predict(self, X: ArrayLike) -> Floats:
        """Return predictions.

        Parameters
        ----------
        X : array_like, shape (N, p)

        Returns
        -------
        ndarray of float64, shape (N,) or (N, k)
        """
        check_is_fitted(self)
        return np.asarray(_checked.rows(self, X) @ self.coef_.T + self.intercept_)

    def predict_interval(
        self, X: ArrayLike, level: float = 0.95, *, kind: str = "prediction"
    ) -> PredictionInterval:
        """Return predictions with an interval about each, for errors of one variance.

        Parameters
        ----------
        X : array_like, shape (N, p)
        level : float, default 0.95
            Probability that an interval holds what it is for.
        kind : {'prediction', 'confidence'}, default 'prediction'
            An interval for a new observation of weight 1, or for the mean of many.

        Returns
        -------
        PredictionInterval
            `fit`, `low` and `high`, arrays of shape (N,). Limits are NaN if there are no more rows
            than coefficients, or gradient descent did not converge.

        Raises
        ------
        ValueError
            If there are several responses.
        """
        fit = self._one_response("predict_interval")
        _checked.choice("kind", kind, ("prediction", "confidence"))
        x = _checked.rows(self, X)
        variance = fit.variance[0] if fit.converged else np.nan
        spread = (fit.scores(x) ** 2).sum(axis=1)
        reach = np.sqrt(variance * (spread + (kind == "prediction")))
        reach *= quantile(level, max(fit.degrees_of_freedom, 1))
        predicted = x @ fit.slopes[:, 0] + fit.intercept[0]
        return PredictionInterval(predicted, predicted - reach, predicted + reach)

    def vcov(self) -> Covariance:
        """Return the covariance of the coefficients, for independent errors of one variance.

        For other errors see `diagnose`.

        Returns
        -------
        Covariance

        Raises
        ------
        ValueError
            If there are several responses, or variances overflow.
        """
        return of_one_variance(self._one_response("vcov"), _checked.names(self))

    def confint(
        self, level: float = 0.95, *, covariance: ArrayLike | Covariance | None = None
    ) -> Intervals:
        """Return confidence intervals of the coefficients; prints as a table.

        Parameters
        ----------
        level : float, default 0.95
        covariance : Covariance or array_like, optional
            As for `summary`.

        Returns
        -------
        Intervals
            NaN where there are no standard errors.

        Examples
        --------
        >>> x, y = [[0.0], [1.0], [2.0], [3.0]], [0.0, 1.0, 2.0, 4.0]
        >>> print(LinearRegression().fit(x, y).confint())
                         2.5 %   97.5 %
        (Intercept) -1.5942188 1.194219
        x0           0.5547587 2.045241
        """
        return self.summary(covariance=covariance).confint(level)

    def diagnose(
        self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None
    ) -> Diagnostics:
        """Return residuals, leverage and robust covariances of the rows that were fitted.

        Parameters
        ----------
        X, y, sample_weight : array_like
            As given to `fit`; y with one response.

        Returns
        -------
        Diagnostics

        Raises
        ------
        ValueError
            If these are not the rows of the fit, or there are several responses.
        """
        fit = self._one_response("diagnose")
        x, t = _checked.pair(self, X, y, reset=False, y_numeric=True)
        weights = _checked.weights_of(x, sample_weight)
        response = np.asarray(t, np.float64).ravel()
        found = Diagnostics.of(fit, _checked.names(self), x, response, weights)
        left = weights @ found.residuals**2
        if not np.isclose(left, fit.rss[0], rtol=1e-6, atol=1e-12 * fit.squares[0]):
            raise ValueError(
                "these are not the rows of the fit, or not its sample_weight: their residual sum "
                f"of squares is {left:.6g}, that of the fit {fit.rss[0]:.6g}"
            )
        return found

    def summary(
        self,
        feature_names: Sequence[str] | None = None,
        target: str | Sequence[str] | None = None,
        *,
        covariance: ArrayLike | Covariance | None = None,
    ) -> Summary:
        """Return the coefficients with their tests; prints as a table in the style of R.

        Parameters
        ----------
        feature_names : sequence of str, optional
            Names of the variables; those of X, or x0, x1, …, by default.
        target : str or sequence of str, optional
            Name of the response, or of each.
        covariance : Covariance or array_like, optional
            Of the coefficients, the intercept first, such as ``diagnose(X, y).vcov("HC3")``; for
            independent errors of one variance by default. One response only.

        Returns
        -------
        Summary
            With estimates, standard errors, t and p values; R squared and the residual sum of
            squares are in its `facts`. The F statistic assumes errors of one variance.
        """
        check_is_fitted(self)
        names = _checked.names(self, feature_names)
        if covariance is None:
            return summarise(self._fit, names, target)
        usual = of_one_variance(self._one_response("summary(covariance=)"), names)
        return summarise(self._fit, names, target, checked(covariance, usual))

    def _one_response(self, method: str) -> LinearFit:
        check_is_fitted(self)
        fit: LinearFit = self._fit
        if fit.slopes.shape[1] > 1:
            raise ValueError(f"{method} is for one response: fit each of them alone")
        return fit

    def _descend(self, x: Floats, y: Floats, weights: Floats, begin: Floats) -> tuple[Floats, bool]:
        """Return the coefficients from gradient descent, and whether it converged."""
        rate = _checked.number("learning_rate", self.learning_rate, above_0=True)
        max_iter, tol = whole_number("max_iter", self.max_iter), _checked.number("tol", self.tol)
        design = _checked.with_ones(x) if self.fit_intercept else x
        settings = weights / weights.mean(), begin, 0.0, self.fit_intercept
        objective = Objective(MeanSquaredError(), design, y, *settings)
        self.n_iter_, converged = objective.descend(rate, max_iter, tol)
        if not converged:
            _checked.warn_of_steps(max_iter, tol, objective.gradient)
        return objective.coef, converged
