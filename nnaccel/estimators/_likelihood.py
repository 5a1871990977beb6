"""The base class of logistic and softmax regression."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, column_or_1d

from nnaccel import ops
from nnaccel._validate import Explained, whole_number
from nnaccel.backends import get_backend, to_numpy
from nnaccel.estimators import _checked, _likelihood_fit
from nnaccel.estimators._collinear import listed, warn_of_dependence
from nnaccel.estimators._coordinates import Coordinates, Problem, for_each_class
from nnaccel.estimators._intervals import Intervals
from nnaccel.estimators._likelihood_fit import MOST_FOR_NEWTON, Found
from nnaccel.estimators._likelihood_summary import LikelihoodFit, summarise
from nnaccel.estimators._summary import Summary
from nnaccel.ops import _check
from nnaccel.training.class_weights import weigh_classes

Floats = NDArray[np.float64]

#: Default `max_iter` of each solver.
_MAX_ITER = {"newton": 100, "lbfgs": 1000, "gd": 10_000}


class SeparationWarning(ConvergenceWarning):
    """The classes are linearly separable: the likelihood has no maximum."""


class LikelihoodClassifier(ClassifierMixin, Explained, BaseEstimator):
    """A linear model of the classes' log-odds, fitted by maximum likelihood."""

    _solvers: ClassVar[tuple[str, ...]]

    def __init__(
        self,
        solver: str = "auto",
        *,
        penalty: str | None = None,
        C: float = 1.0,
        class_weight: Any = None,
        fit_intercept: bool = True,
        learning_rate: float = 0.1,
        max_iter: int | None = None,
        tol: float = 1e-8,
    ) -> None:
        self.solver = solver
        self.penalty = penalty
        self.C = C
        self.class_weight = class_weight
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
        y : array_like, shape (N,)
            Labels of any type.
        sample_weight : array_like, shape (N,), optional
            Weight of each row.
        coef_init, intercept_init : float or array_like, optional
            Initial values for 'gd', in the shapes of `coef_` and `intercept_`; 0 by default.

        Returns
        -------
        self
        """
        _checked.choice("solver", self.solver, self._solvers)
        intercept = _check.flag("fit_intercept", self.fit_intercept)
        x, labels = _checked.pair(self, X, y)
        check_classification_targets(labels)
        classes, codes = _checked.classes_of(column_or_1d(labels, warn=True))
        self._check_classes(classes)
        weights = _checked.weights_of(x, sample_weight)
        weights = weigh_classes(self.class_weight, classes, codes, weights)
        counts = np.bincount(codes, weights)
        if not counts.all():
            raise ValueError(
                f"all rows of class {classes[counts == 0].tolist()[0]!r} have weight 0. To fix: "
                "leave them out, to fit the other classes"
            )
        targets = np.eye(len(classes))[codes]
        targets = targets[:, 1:] if len(classes) == 2 else targets
        problem = Problem(x, targets, weights, self._ridge(), intercept)
        shape = x.shape[1], targets.shape[1]
        begin = _checked.start(self.solver, coef_init, intercept_init, shape, intercept)
        coordinates = Coordinates.of(problem)
        warn_of_dependence(x, weights, _checked.names(self), coordinates.dependent, intercept)
        found = self._solve(coordinates, begin)
        self.classes_ = classes
        self._set_fitted(coordinates, found)
        self._warn(found)
        return self

    def decision_function(self, X: ArrayLike) -> Floats:
        """Return the log-odds.

        Parameters
        ----------
        X : array_like, shape (N, p)

        Returns
        -------
        ndarray of float64, shape (N,) or (N, C)
            For two classes the log-odds of the second; for more the logits of each.
        """
        logits = self._logits(X)
        return logits[:, 0] if logits.shape[1] == 1 else logits

    def predict(self, X: ArrayLike) -> NDArray[Any]:
        """Return the most probable class of each row, shape (N,)."""
        logits = self._logits(X)
        codes = logits[:, 0] > 0 if logits.shape[1] == 1 else logits.argmax(axis=1)
        return np.asarray(self.classes_[codes.astype(int)])

    def predict_proba(self, X: ArrayLike) -> Floats:
        """Return the probability of each class, in the order of `classes_`, shape (N, C)."""
        return np.asarray(ops.softmax(for_each_class(self._logits(X))))

    def predict_log_proba(self, X: ArrayLike) -> Floats:
        """Return the logarithms of `predict_proba`, without underflow."""
        return np.asarray(ops.log_softmax(for_each_class(self._logits(X))))

    def log_likelihood(
        self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None
    ) -> float:
        """Return the sum of the log-probabilities of the rows' own classes.

        Parameters
        ----------
        X : array_like, shape (N, p)
        y : array_like, shape (N,)
            Labels of classes seen in `fit`.
        sample_weight : array_like, shape (N,), optional

        Returns
        -------
        float
            In nats; at most 0.
        """
        log_p = self.predict_log_proba(X)
        labels = column_or_1d(_checked.on_host(y))
        unknown = labels[~np.isin(labels, self.classes_)]
        if len(unknown) or len(labels) != len(log_p):
            new = unknown[:1].tolist()
            what = f"label {new[0]!r} is new" if new else f"{len(labels)} labels"
            raise ValueError(f"{what}; expected {len(log_p)} labels of {self.classes_.tolist()}")
        codes = np.searchsorted(self.classes_, labels)
        weights = _checked.weights_of(log_p, sample_weight)
        return float(weights @ log_p[np.arange(len(codes)), codes])

    def summary(
        self,
        feature_names: Sequence[str] | None = None,
        target: str | None = None,
        reference: Any = None,
    ) -> Summary:
        """Return the coefficients with their tests; prints as a table in the style of R.

        Parameters
        ----------
        feature_names : sequence of str, optional
            Names of the variables; those of X, or x0, x1, …, by default.
        target : str, optional
            Name of the response.
        reference : label, optional
            Reference class; the first by default.

        Returns
        -------
        Summary
            With estimates, standard errors, z and p values of the log-odds of each class against
            the reference; deviance, AIC and log-likelihood are in its `facts`.
        """
        check_is_fitted(self)
        names, classes = _checked.names(self, feature_names), self.classes_.tolist()
        first = classes[0] if reference is None else reference
        if first not in classes:
            raise ValueError(f"reference={reference!r} must be one of the classes {classes}")
        return summarise(self._fit, names, self.classes_, target, classes.index(first))

    def confint(self, level: float = 0.95, *, reference: Any = None) -> Intervals:
        """Return confidence intervals of the log-odds' coefficients; prints as a table.

        They reach as many standard errors to either side as the normal distribution says, as R's
        ``confint.default`` does; R's ``confint`` of a `glm` follows the likelihood instead.

        Parameters
        ----------
        level : float, default 0.95
        reference : label, optional
            As for `summary`.

        Returns
        -------
        Intervals
            NaN where there are no standard errors: with a penalty, or of separable classes; its
            `notes` say why.
        """
        return self.summary(reference=reference).confint(level)

    def _check_classes(self, classes: NDArray[Any]) -> None:
        """Raise a ValueError if these classes cannot be fitted."""
        if len(classes) < 2:
            raise ValueError(
                f"y holds one class only, {classes.tolist()[0]!r}: at least two are needed"
            )

    def _ridge(self) -> float:
        _checked.choice("penalty", self.penalty, (None, "l2"))
        strength = _checked.number("C", self.C, above_0=True)
        if self.penalty is None and strength != 1:
            warnings.warn(
                f"C={self.C} has no effect without a penalty, and there is none by default. For "
                "the same as scikit-learn's default, give penalty='l2' with it",
                UserWarning,
                stacklevel=3,
            )
        return 1 / strength if self.penalty else 0.0

    def _solve(self, coordinates: Coordinates, begin: Floats) -> Found:
        solver, problem = self.solver, coordinates.problem
        if solver == "auto":
            solver = "newton" if np.prod(problem.shape) <= MOST_FOR_NEWTON else "lbfgs"
        limit = _MAX_ITER[solver] if self.max_iter is None else self.max_iter
        max_iter, tol = whole_number("max_iter", limit), _checked.number("tol", self.tol)
        if solver == "newton":
            return _likelihood_fit.by_newton(coordinates, max_iter, tol)
        if solver == "lbfgs":
            return _likelihood_fit.by_lbfgs(coordinates, max_iter, tol)
        rate = _checked.number("learning_rate", self.learning_rate, above_0=True)
        return _likelihood_fit.by_descent(problem, begin, rate, max_iter, tol)

    def _set_fitted(self, coordinates: Coordinates, found: Found) -> None:
        """Set the fitted attributes."""
        coef, intercept = found.coef, coordinates.problem.intercept
        self.coef_ = np.ascontiguousarray(coef[intercept:].T)
        self.intercept_ = coef[0] if intercept else np.zeros(coef.shape[1])
        self.n_iter_ = found.steps
        self._fit = LikelihoodFit.of(coordinates, found)

    def _warn(self, found: Found) -> None:
        """Warn of separation, or of a solver that has not converged."""
        separation = self._fit.separation
        remedy = f"To fix: use a penalty, in Python {type(self).__name__}(penalty='l2')"
        if separation.complete:
            warnings.warn(
                "the classes can be told apart without a mistake (perfect separation): the "
                "likelihood grows with the coefficients without limit, so they have no estimate. "
                f"Predictions are valid, standard errors are not. {remedy}",
                SeparationWarning,
                stacklevel=3,
            )
        elif separation:
            rows = ["(Intercept)"] * self._fit.intercept + _checked.names(self)
            lost = separation.rows
            others = "The other coefficients are valid. " if len(lost) < len(rows) else ""
            warnings.warn(
                f"some coefficients of {listed(rows, lost)} have no estimate: they tell some rows "
                "apart without a mistake (quasi-complete separation), and the likelihood grows "
                f"with them without limit. {others}{remedy}",
                SeparationWarning,
                stacklevel=3,
            )
        elif not found.converged:
            warnings.warn(
                f"{found.steps} steps were made and the likelihood still rises"
                + (f" (gradient {found.gradient:.2g}, tol={self.tol:g})" if found.gradient else "")
                + ". To fix: raise max_iter, or standardise the variables",
                ConvergenceWarning,
                stacklevel=3,
            )

    def _logits(self, X: ArrayLike) -> Floats:
        """Log-odds (N, 1) of the second of two classes, or logits (N, C)."""
        check_is_fitted(self)
        x = get_backend().asarray(_checked.rows(self, X))
        w, b = (get_backend().asarray(a) for a in (self.coef_.T, self.intercept_))
        return np.asarray(to_numpy(ops.linear(x, w, b)))
