"""The table of a logistic or softmax regression, in the layout of R's `summary(glm(…))`."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from nnaccel.estimators._collinear import listed
from nnaccel.estimators._coordinates import Coordinates, Problem
from nnaccel.estimators._likelihood_fit import MOST_FOR_ERRORS, Found
from nnaccel.estimators._log_likelihood import SEPARATED, Point
from nnaccel.estimators._newton import inverse
from nnaccel.estimators._separation import Separation
from nnaccel.estimators._summary import Summary, against_zero

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class LikelihoodFit:
    """A maximum-likelihood fit, for its summary.

    Attributes
    ----------
    coef : ndarray, shape (p + 1, C), or (p, C) without intercept
        Coefficients of each class against the first.
    std_error : ndarray, shape (p + 1, C, C), or (p, C, C)
        Standard errors of each class against each; NaN where there is none.
    rank : int
        Coefficients of a class that the rows determine, with the intercept.
    intercept : bool
    rows : int
        Rows with a weight above 0.
    log_likelihood, null : float
        Log-likelihood of this fit, and of the null model.
    steps : int
    converged : bool
    penalised : bool
    separation : Separation
    """

    coef: Floats
    std_error: Floats
    rank: int
    intercept: bool
    rows: int
    log_likelihood: float
    null: float
    steps: int
    converged: bool
    penalised: bool
    separation: Separation

    @classmethod
    def of(cls, coordinates: Coordinates, found: Found) -> Self:
        """Return the fit with the coefficients that a solver found."""
        problem = coordinates.problem
        coef = found.coef if found.coef.shape[1] == 1 else found.coef[:, 1:] - found.coef[:, :1]
        point = found.point
        if point is None and found.coef.size <= MOST_FOR_ERRORS:
            point = coordinates.likelihood.at(coordinates.from_original(coef))
        if point is not None:
            log_likelihood, is_separated = point.log_likelihood, point.is_separated
        else:
            own = (problem.targets * problem.log_probabilities(found.coef)).sum(axis=1)
            log_likelihood = float(problem.weights @ own)
            is_separated = bool(own[problem.weights > 0].min() > SEPARATED)
        separation = Separation.of(coordinates, point, is_separated)
        std_error = np.full(separation.unbounded.shape, math.nan)
        if point and not problem.ridge and not separation.complete:
            std_error = _errors(coordinates, point)
            std_error[np.array(coordinates.dependent, int) + int(problem.intercept)] = math.nan
            std_error[separation.unbounded] = math.nan
        if not (found.converged or separation):
            std_error[...] = math.nan
        return cls(
            np.concatenate([np.zeros((len(coef), 1)), coef], axis=1),
            std_error,
            coordinates.rank,
            problem.intercept,
            int((problem.weights > 0).sum()),
            log_likelihood,
            _null(problem),
            found.steps,
            found.converged,
            bool(problem.ridge),
            separation,
        )


def summarise(
    fit: LikelihoodFit,
    names: Sequence[str],
    classes: NDArray[Any],
    target: str | None,
    reference: int = 0,
) -> Summary:
    """Return the coefficients with z tests, and the likelihood of the fit.

    Parameters
    ----------
    fit : LikelihoodFit
    names : sequence of str
        Names of the variables.
    classes : ndarray, shape (C,)
    target : str, optional
        Name of the response; y by default.
    reference : int, default 0
        Index of the reference class.

    Returns
    -------
    Summary
        One block of log-odds for each class but the reference.
    """
    rows = ["(Intercept)", *names] if fit.intercept else list(names)
    blocks = [
        against_zero(
            rows,
            fit.coef[:, k] - fit.coef[:, reference],
            fit.std_error[:, k, reference],
            math.inf,
            f"Log-odds of {each} against {classes[reference]}",
        )
        for k, each in enumerate(classes)
        if k != reference
    ]
    facts = _facts(fit)
    held = f"{classes[reference]} is the reference"
    about = f"{target or 'y'}: {', '.join(map(str, classes))}; {held}"
    return Summary(tuple(blocks), facts, (about,), tuple(_foot(facts)), tuple(_notes(fit, rows)))


def _facts(fit: LikelihoodFit) -> dict[str, Any]:
    """Likelihood, deviance and AIC of the fit."""
    contrasts = fit.coef.shape[1] - 1
    log_likelihood = 0.0 if fit.separation.complete else fit.log_likelihood  # in the limit
    taken, residual = fit.rank * contrasts, -2 * log_likelihood
    tested = fit.converged and not fit.penalised and not fit.separation.complete
    kinds = {False: "none", True: "complete" if fit.separation.complete else "quasi-complete"}
    return {
        "observations": fit.rows,
        "log_likelihood": log_likelihood,
        "null_deviance": -2 * fit.null,
        "null_degrees_of_freedom": (fit.rows - fit.intercept) * contrasts,
        "residual_deviance": residual,
        "degrees_of_freedom": fit.rows * contrasts - taken,
        "aic": 2 * taken + residual if tested else math.nan,
        "steps": fit.steps,
        "converged": fit.converged,
        "separation": kinds[bool(fit.separation)],
    }


def _foot(facts: dict[str, Any]) -> list[str]:
    """Lines with the likelihood, deviance and AIC of the fit."""
    null = f"{facts['null_deviance']:.5g} on {facts['null_degrees_of_freedom']}"
    residual = f"{facts['residual_deviance']:.5g} on {facts['degrees_of_freedom']}"
    if facts["separation"] == "complete":
        residual = f"0, in the limit, on {facts['degrees_of_freedom']}"
    lines = [
        f"    Null deviance: {null} degrees of freedom",
        f"Residual deviance: {residual} degrees of freedom",
    ]
    if facts["separation"] != "complete":
        aic = "" if math.isnan(facts["aic"]) else f"AIC: {facts['aic']:.5g},  "
        lines.append(f"{aic}Log-likelihood: {facts['log_likelihood']:.5f}")
    return [*lines, f"Steps: {facts['steps']:,}"]


def _notes(fit: LikelihoodFit, rows: Sequence[str]) -> list[str]:
    """Reasons for missing errors or estimates."""
    if fit.separation.complete:
        return [
            "Perfect separation: each class can be told from the others without a mistake. The "
            "estimates have no limit; these are where the search ended."
        ]
    if fit.separation:
        which = listed(rows, fit.separation.rows)
        note = f"Quasi-complete separation: some estimates of {which} have no limit."
        if np.isfinite(fit.std_error).any() and fit.coef.shape[1] > 2:
            note += " Against another reference other estimates may have one."
        return [note]
    if fit.penalised:
        return [
            "Standard errors, intervals, tests and AIC need maximum likelihood without a penalty."
        ]
    if not fit.converged:
        return ["The solver did not converge: these are no estimates yet, and have no errors."]
    if np.isnan(fit.std_error).all():
        count = len(rows) * (fit.coef.shape[1] - 1)
        return [f"Standard errors are not estimated for {count:,} coefficients: too many."]
    return []


def _errors(coordinates: Coordinates, point: Point) -> Floats:
    """Standard errors of the coefficients of each class against each, shape (p + 1, C, C)."""
    inverted, k = inverse(point.information), coordinates.problem.contrasts
    basis = coordinates.to_original(np.eye(coordinates.rank))
    each = inverted.reshape(coordinates.rank, k, coordinates.rank, k)
    covariance = np.zeros((len(basis), k + 1, k + 1))  # that of the first class is 0
    for a in range(k):
        for b in range(k):
            covariance[:, a + 1, b + 1] = ((basis @ each[:, a, :, b]) * basis).sum(axis=1)
    own = np.diagonal(covariance, axis1=1, axis2=2)
    variance = own[:, :, None] + own[:, None] - 2 * covariance
    return np.asarray(np.sqrt(np.maximum(variance, 0)))


def _null(problem: Problem) -> float:
    """Log-likelihood of the null model: the shares of the classes, equal without intercept."""
    targets, weights = problem.targets, problem.weights
    if not problem.intercept:
        return -float(weights.sum()) * math.log(targets.shape[1])
    shares = weights @ targets / weights.sum()
    each = targets @ np.log(np.where(shares > 0, shares, 1))
    return float(weights @ each)
