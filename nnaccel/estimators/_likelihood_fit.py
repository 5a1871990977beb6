"""From rows and targets to the coefficients of largest likelihood, by any of the solvers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nnaccel.estimators import _checked
from nnaccel.estimators._newton import Likelihood, inverse, maximise, only_gains
from nnaccel.estimators._objective import Objective

Floats = NDArray[np.float64]

#: With more coefficients than this Newton's matrix is too large, and errors are not estimated.
MOST_FOR_NEWTON = 1000


@dataclass(frozen=True)
class Problem:
    """What is to be fitted.

    Attributes
    ----------
    x : ndarray, shape (N, p)
    y : ndarray, shape (N, k)
        0 or 1: one column for two classes, else a column for each.
    weights : ndarray, shape (N,)
    ridge : float
        Half of it times the squares of the slopes is taken off the log-likelihood.
    intercept : bool
    """

    x: Floats
    y: Floats
    weights: Floats
    ridge: float
    intercept: bool

    @property
    def shape(self) -> tuple[int, int]:
        """Shape of the coefficients, the intercepts among them."""
        return self.x.shape[1] + self.intercept, self.y.shape[1]


@dataclass(frozen=True)
class Found:
    """Where a solver ended.

    Attributes
    ----------
    coef : ndarray, shape (p + 1, k), or (p, k) without intercept
    steps : int
    converged : bool
    separated : bool
        Whether the classes can be told apart without a mistake.
    gradient : float
        Largest part of the mean gradient where it was last found; 0 if that was not looked at.
    """

    coef: Floats
    steps: int
    converged: bool
    separated: bool
    gradient: float = 0.0


def by_newton(problem: Problem, max_iter: int, tol: float) -> Found:
    """Fit by Newton's method: few steps, each of which solves for all coefficients."""
    mean, likelihood = _centred(problem)
    coef, steps, converged, separated = maximise(likelihood, problem.shape, max_iter, tol)
    coef = _balanced(_shifted(coef, mean, problem), problem)
    return Found(coef, steps, converged, separated)


def by_descent(
    problem: Problem, begin: Floats, learning_rate: float, max_iter: int, tol: float
) -> Found:
    """Fit by gradient descent on the mean loss."""
    objective = _objective(problem, begin)
    steps, converged = objective.descend(learning_rate, max_iter, tol)
    return _found(problem, objective, objective.coef, steps, converged)


def by_lbfgs(problem: Problem, max_iter: int, tol: float) -> Found:
    """Fit by L-BFGS on the mean loss: for many coefficients."""
    from scipy.optimize import minimize

    objective = _objective(problem, np.zeros(problem.shape))
    options = {"maxiter": max_iter, "maxfun": 20 * max_iter, "gtol": tol, "ftol": 0.0}
    done = minimize(
        objective, np.zeros(problem.shape).ravel(), jac=True, method="L-BFGS-B", options=options
    )
    coef = np.asarray(done.x, np.float64).reshape(problem.shape)
    # Where rounding ends the search before `tol` does, there is nothing left to gain.
    return _found(problem, objective, coef, int(done.nit), done.status != 1)


def covariance(problem: Problem, coef: Floats) -> Floats | None:
    """Inverse of the information at `coef`, raveled; None if there are too many coefficients."""
    if coef.size > MOST_FOR_NEWTON:
        return None
    mean, likelihood = _centred(problem)
    _, information = likelihood.derivatives(_shifted(coef, -mean, problem))
    turned = inverse(information)
    if not problem.intercept:
        return turned
    outputs = coef.shape[1]
    to_raw = np.eye(coef.size)
    to_raw[:outputs, outputs:] = np.kron(-mean, np.eye(outputs))
    return np.asarray(to_raw @ turned @ to_raw.T)


def _centred(problem: Problem) -> tuple[Floats, Likelihood]:
    """Means of the variables, and the likelihood about them: far better conditioned."""
    x, weights = problem.x, problem.weights
    ridge = np.full(problem.shape[0], problem.ridge)
    if not problem.intercept:
        return np.zeros(x.shape[1]), Likelihood(x, problem.y, weights, ridge)
    mean = weights @ x / weights.sum()
    ridge[0] = 0
    return mean, Likelihood(_checked.with_ones(x - mean), problem.y, weights, ridge)


def _shifted(coef: Floats, mean: Floats, problem: Problem) -> Floats:
    """Coefficients of variables that are larger by `mean`: the intercept makes up for it."""
    if not problem.intercept:
        return coef
    return np.concatenate([coef[:1] - mean @ coef[1:], coef[1:]])


def _objective(problem: Problem, begin: Floats) -> Objective:
    loss = "sigmoid" if problem.y.shape[1] == 1 else "softmax"
    design = _checked.with_ones(problem.x) if problem.intercept else problem.x
    total = problem.weights.sum()
    return Objective(
        f"{loss}_cross_entropy",
        design,
        problem.y,
        problem.weights * (len(design) / total),
        begin,
        problem.ridge / total,
        problem.intercept,
    )


def _found(
    problem: Problem, objective: Objective, coef: Floats, steps: int, converged: bool
) -> Found:
    logits = problem.x @ coef[problem.intercept :] + (coef[0] if problem.intercept else 0)
    separated = not problem.ridge and only_gains(logits, problem.y, problem.weights)
    largest = float(np.abs(objective.gradient).max(initial=0.0))
    return Found(_balanced(coef, problem), steps, converged, separated, largest)


def _balanced(coef: Floats, problem: Problem) -> Floats:
    """Of all coefficients that predict the same and cost the same, those that sum to 0."""
    if coef.shape[1] == 1:
        return coef
    free = problem.intercept if problem.ridge else len(coef)
    return np.concatenate([coef[:free] - coef[:free].mean(axis=1, keepdims=True), coef[free:]])
