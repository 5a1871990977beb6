"""From rows and targets to the coefficients of largest likelihood, by any of the solvers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nnaccel.estimators import _checked
from nnaccel.estimators._coordinates import Coordinates, Problem
from nnaccel.estimators._newton import maximise
from nnaccel.estimators._objective import Objective

Floats = NDArray[np.float64]

#: With more coefficients than this, Newton's steps take longer than many of L-BFGS's.
MOST_FOR_NEWTON = 300
#: With more than this, the matrix of what is known is too large: errors are not estimated.
MOST_FOR_ERRORS = 1000

#: A mean gradient as small as this is as good as none.
_ROUNDING = 1e-7


@dataclass(frozen=True)
class Found:
    """Where a solver ended.

    Attributes
    ----------
    coef : ndarray, shape (p + 1, k), or (p, k) without intercept
    steps : int
    converged : bool
    gradient : float
        Largest part of the mean gradient where it was last found; 0 if that was not looked at.
    """

    coef: Floats
    steps: int
    converged: bool
    gradient: float = 0.0


def by_newton(coordinates: Coordinates, max_iter: int, tol: float) -> Found:
    """Fit by Newton's method: few steps, each of which solves for all coefficients."""
    problem = coordinates.problem
    coef, steps, converged = maximise(
        coordinates.likelihood,
        max_iter,
        tol * float(problem.weights.mean()),
        bounded=bool(problem.ridge),
    )
    if problem.y.shape[1] > 1:
        coef = np.concatenate([np.zeros((len(coef), 1)), coef], axis=1)
    return Found(_balanced(coordinates.raw(coef)), steps, converged)


def by_descent(
    problem: Problem, begin: Floats, learning_rate: float, max_iter: int, tol: float
) -> Found:
    """Fit by gradient descent on the mean loss."""
    objective = _objective(problem, begin)
    steps, converged = objective.descend(learning_rate, max_iter, tol)
    return _found(problem, objective, objective.coef, steps, converged)


def by_lbfgs(coordinates: Coordinates, max_iter: int, tol: float) -> Found:
    """Fit by L-BFGS on the mean loss: for many coefficients."""
    from scipy.optimize import minimize

    problem, turned = coordinates.problem, coordinates.turned
    objective = _objective(turned, np.zeros(turned.shape))
    options = {"maxiter": max_iter, "maxfun": 20 * max_iter, "gtol": tol, "ftol": 0.0}
    done = minimize(
        objective, np.zeros(turned.shape).ravel(), jac=True, method="L-BFGS-B", options=options
    )
    coef = coordinates.raw(np.asarray(done.x, np.float64).reshape(turned.shape))
    # Rounding may end the search a little before `tol` does.
    converged = done.success or np.abs(done.jac).max(initial=0.0) <= max(tol, _ROUNDING)
    return _found(problem, objective, coef, int(done.nit), bool(converged))


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
    largest = float(np.abs(objective.gradient).max(initial=0.0))
    return Found(_balanced(coef), steps, converged, largest)


def _balanced(coef: Floats) -> Floats:
    """Of all coefficients that predict the same and cost the same, those that sum to 0."""
    if coef.shape[1] == 1:
        return coef
    return np.asarray(coef - coef.mean(axis=1, keepdims=True))
