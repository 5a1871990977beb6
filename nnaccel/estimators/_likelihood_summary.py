"""The table of a logistic or softmax regression, in the layout of R's `summary(glm(…))`."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from nnaccel.estimators._coordinates import Coordinates, Problem
from nnaccel.estimators._likelihood_fit import Found, covariance
from nnaccel.estimators._newton import for_each_class, log_sum_exp
from nnaccel.estimators._summary import Summary, against_zero

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class LikelihoodFit:
    """A maximum-likelihood fit, with what its summary needs.

    Attributes
    ----------
    coef : ndarray, shape (p + 1, k), or (p, k) without intercept
    covariance : ndarray or None
        Of raveled `coef`; None if there are too many coefficients.
    rank : int
        Coefficients of each output that the rows settle, the intercept among them.
    dependent : list of int
        Columns of x whose slopes they do not settle.
    intercept : bool
    rows : int
        Rows whose weight is not 0.
    log_likelihood, null : float
        Of this fit, and of one that knows the shares of the classes only.
    steps : int
    separated : bool
    """

    coef: Floats
    covariance: Floats | None
    rank: int
    dependent: list[int]
    intercept: bool
    rows: int
    log_likelihood: float
    null: float
    steps: int
    separated: bool

    @classmethod
    def of(cls, problem: Problem, coordinates: Coordinates, found: Found) -> Self:
        """Measure what a solver found."""
        y, weights = problem.y, problem.weights
        logits = problem.logits(found.coef)
        covered = covariance(problem, coordinates, logits)
        logits = for_each_class(logits)
        if y.shape[1] == 1:
            y = np.concatenate([1 - y, y], axis=1)
        shares = (
            weights @ y / weights.sum()
            if problem.intercept
            else np.full(y.shape[1:], 1 / y.shape[1])
        )
        logs = np.log(np.where(shares > 0, shares, 1))
        own = (y * logits).sum(axis=1, keepdims=True) - log_sum_exp(np, logits)
        return cls(
            found.coef,
            covered,
            coordinates.rank,
            coordinates.dependent,
            problem.intercept,
            int((weights > 0).sum()),
            float(weights @ own[:, 0]),
            float(weights @ (y @ logs)),
            found.steps,
            found.separated,
        )


def summarise(
    fit: LikelihoodFit, names: Sequence[str], classes: NDArray[Any], target: str | None
) -> Summary:
    """Return the coefficients with z tests, and how likely the whole is.

    Parameters
    ----------
    fit : LikelihoodFit
    names : sequence of str
        Of the variables.
    classes : ndarray, shape (C,)
    target : str, optional
        Name of the response; y by default.

    Returns
    -------
    Summary
        One block of the second class's log-odds, or one for each class but the first against it.
    """
    outputs = fit.coef.shape[1]
    rows = ["(Intercept)", *names] if fit.intercept else list(names)
    contrasts = [np.ones(1)] if outputs == 1 else _against_first(outputs)
    blocks = [
        against_zero(
            rows, *_contrast(fit, contrast), math.inf, f"Log-odds of {each} against {classes[0]}:"
        )
        for contrast, each in zip(contrasts, classes[1:], strict=True)
    ]
    taken = fit.rank * len(contrasts)
    null_free = fit.rows - (len(contrasts) if fit.intercept else 0)
    residual = -2 * fit.log_likelihood
    facts = {
        "observations": fit.rows,
        "log_likelihood": fit.log_likelihood,
        "null_deviance": -2 * fit.null,
        "null_degrees_of_freedom": null_free,
        "residual_deviance": residual,
        "degrees_of_freedom": fit.rows - taken,
        "aic": 2 * taken + residual,
        "steps": fit.steps,
        "separated": fit.separated,
    }
    foot = [
        f"    Null deviance: {-2 * fit.null:.5g} on {null_free} degrees of freedom",
        f"Residual deviance: {residual:.5g} on {fit.rows - taken} degrees of freedom",
        f"AIC: {facts['aic']:.5g},  Log-likelihood: {fit.log_likelihood:.5f}",
        f"Steps: {fit.steps:,}",
    ]
    if fit.separated:
        foot.append("Perfect separation: some classes are never mistaken, estimates have no limit.")
    if fit.covariance is None:
        foot.append(
            f"Standard errors are not estimated for so many coefficients ({fit.coef.size:,})."
        )
    about = f"{target or 'y'}: {', '.join(map(str, classes))}; the first is the reference"
    return Summary(tuple(blocks), facts, (about,), tuple(foot))


def _against_first(outputs: int) -> list[Floats]:
    """Contrast of each class but the first with it."""
    return [np.eye(outputs)[k] - np.eye(outputs)[0] for k in range(1, outputs)]


def _contrast(fit: LikelihoodFit, contrast: Floats) -> tuple[Floats, Floats]:
    """Estimates and standard errors of a combination of the outputs."""
    estimate = fit.coef @ contrast
    if fit.covariance is None or fit.separated:
        return estimate, np.full(len(estimate), math.nan)
    each = fit.covariance.reshape(*fit.coef.shape, *fit.coef.shape)
    variance = np.einsum("iaib,a,b->i", each, contrast, contrast)
    variance[np.array(fit.dependent, int) + int(fit.intercept)] = math.nan
    with np.errstate(invalid="ignore"):
        return estimate, np.sqrt(variance)
