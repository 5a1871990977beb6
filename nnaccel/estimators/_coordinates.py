"""What is to be fitted, and coordinates in which that is well conditioned."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from numpy.typing import NDArray

from nnaccel.estimators import _checked
from nnaccel.estimators._linear_fit import LinearFit
from nnaccel.estimators._newton import Likelihood

Floats = NDArray[np.float64]


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

    def logits(self, coef: Floats) -> Floats:
        """Return what coefficients, the intercepts first if there are any, give each row."""
        return self.x @ coef[self.intercept :] + (coef[0] if self.intercept else 0)


@dataclass(frozen=True)
class Coordinates:
    """Variables about their means; without a penalty, which counts slopes, uncorrelated too.

    Attributes
    ----------
    mean : ndarray, shape (p,)
        Of the variables; 0 without intercept.
    slopes : ndarray, shape (p, r), or None
        Times it, the variables have variance 1 and no correlation; None where they are left as they
        are.
    intercept : bool
    dependent : list of int
        Columns of x whose slopes the rows do not settle.
    """

    mean: Floats
    slopes: Floats | None
    intercept: bool
    dependent: list[int]

    @classmethod
    def of(cls, problem: Problem) -> Self:
        """Find the coordinates for a problem."""
        x, weights, intercept = problem.x, problem.weights, problem.intercept
        mean = weights @ x / weights.sum() if intercept else np.zeros(x.shape[1])
        if problem.ridge:
            return cls(mean, None, intercept, [])
        fit = LinearFit.of(x, problem.y, weights, intercept)
        slopes = fit.factor[1:, int(intercept) :] * np.sqrt(weights.sum())
        return cls(mean, slopes, intercept, fit.dependent)

    @property
    def rank(self) -> int:
        """How many coefficients there are, for each output, the intercept among them."""
        return (len(self.mean) if self.slopes is None else self.slopes.shape[1]) + self.intercept

    def raw(self, coef: Floats) -> Floats:
        """Return coefficients of the variables as they came, from those in these coordinates."""
        slopes = coef[int(self.intercept) :]
        slopes = slopes if self.slopes is None else self.slopes @ slopes
        if not self.intercept:
            return slopes
        return np.concatenate([coef[:1] - self.mean @ slopes, slopes])

    def turned(self, problem: Problem) -> Problem:
        """Return the problem in these coordinates."""
        x = problem.x - self.mean
        return replace(problem, x=x if self.slopes is None else x @ self.slopes)

    def likelihood(self, problem: Problem) -> Likelihood:
        """Return the problem's log-likelihood of coefficients in these coordinates."""
        x = self.turned(problem).x
        ridge = np.full(self.rank, problem.ridge)
        if self.intercept:
            x, ridge[0] = _checked.with_ones(x), 0
        return Likelihood(x, problem.y, problem.weights, ridge)
