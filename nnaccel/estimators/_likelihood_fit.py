"""Maximum likelihood by Newton's method, L-BFGS or gradient descent."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nnaccel.estimators import _checked
from nnaccel.estimators._coordinates import Coordinates, Problem
from nnaccel.estimators._log_likelihood import Point
from nnaccel.estimators._newton import maximise
from nnaccel.estimators._objective import Objective
from nnaccel.training.losses import BinaryCrossentropy, CategoricalCrossentropy

Floats = NDArray[np.float64]

#: Most coefficients for which Newton's method is faster than L-BFGS.
MOST_FOR_NEWTON = 300
#: Most coefficients for which the information matrix is computed, and errors with it.
MOST_FOR_ERRORS = 1000

#: A mean gradient of this size is rounding.
_ROUNDING = 1e-7


@dataclass(frozen=True)
class Found:
    """The result of a solver.

    Attributes
    ----------
    coef : ndarray, shape (p + 1, k), or (p, k) without intercept
    steps : int
    converged : bool
    gradient : float
        Largest component of the last mean gradient; 0 if the solver has none.
    point : Point, optional
        The likelihood there, in the solver's coordinates.
    """

    coef: Floats
    steps: int
    converged: bool
    gradient: float = 0.0
    point: Point | None = None


def by_newton(coordinates: Coordinates, max_iter: int, tol: float) -> Found:
    """Fit by Newton's method: few steps, each a linear system of all coefficients."""
    problem = coordinates.problem
    coef, steps, converged, point = maximise(
        coordinates.likelihood,
        max_iter,
        tol,
        float(problem.weights.mean()),
        bounded=bool(problem.ridge),
    )
    if problem.y.shape[1] > 1:
        coef = np.concatenate([np.zeros((len(coef), 1)), coef], axis=1)
    return Found(_balanced(coordinates.to_original(coef)), steps, converged, point=point)


def by_descent(
    problem: Problem, begin: Floats, learning_rate: float, max_iter: int, tol: float
) -> Found:
    """Fit by gradient descent on the mean loss."""
    objective = _objective(problem, begin)
    steps, converged = objective.descend(learning_rate, max_iter, tol)
    return _found(objective, objective.coef, steps, converged)


def by_lbfgs(coordinates: Coordinates, max_iter: int, tol: float) -> Found:
    """Fit by L-BFGS on the mean loss, for many coefficients."""
    from scipy.optimize import minimize

    transformed = coordinates.transformed
    objective = _objective(transformed, np.zeros(transformed.shape))
    options = {"maxiter": max_iter, "maxfun": 20 * max_iter, "gtol": tol, "ftol": 0.0}
    begin = np.zeros(transformed.shape).ravel()
    done = minimize(objective, begin, jac=True, method="L-BFGS-B", options=options)
    coef = coordinates.to_original(np.asarray(done.x, np.float64).reshape(transformed.shape))
    # Rounding may stop the search before `tol` is reached.
    converged = done.success or np.abs(done.jac).max(initial=0.0) <= max(tol, _ROUNDING)
    return _found(objective, coef, int(done.nit), bool(converged))


def _objective(problem: Problem, begin: Floats) -> Objective:
    binary = problem.y.shape[1] == 1
    design = _checked.with_ones(problem.x) if problem.intercept else problem.x
    total = problem.weights.sum()
    return Objective(
        BinaryCrossentropy() if binary else CategoricalCrossentropy(),
        design,
        problem.y,
        problem.weights * (len(design) / total),
        begin,
        problem.ridge / total,
        problem.intercept,
    )


def _found(objective: Objective, coef: Floats, steps: int, converged: bool) -> Found:
    largest = float(np.abs(objective.gradient).max(initial=0.0))
    return Found(_balanced(coef), steps, converged, largest)


def _balanced(coef: Floats) -> Floats:
    """The equivalent coefficients that sum to 0 over the classes."""
    if coef.shape[1] == 1:
        return coef
    return np.asarray(coef - coef.mean(axis=1, keepdims=True))
