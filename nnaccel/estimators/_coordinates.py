"""What is to be fitted, and coordinates in which that is well conditioned."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Self

import numpy as np
from numpy.typing import NDArray

from nnaccel import ops
from nnaccel.backends import get_backend
from nnaccel.estimators import _checked
from nnaccel.estimators._least_squares import centred, least_squares
from nnaccel.estimators._log_likelihood import LogLikelihood

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

    @property
    def contrasts(self) -> int:
        """Classes beyond the first, against which they are held."""
        return max(int(self.y.shape[1]) - 1, 1)

    @property
    def targets(self) -> Floats:
        """1 in the column of each row's class, of shape (N, C), else 0."""
        return np.concatenate([1 - self.y, self.y], axis=1) if self.y.shape[1] == 1 else self.y

    def log_probabilities(self, coef: Floats) -> Floats:
        """Those of all classes, (N, C), that coefficients give, the intercepts first if any."""
        logits = self.x @ coef[self.intercept :] + (coef[0] if self.intercept else 0)
        return np.asarray(ops.log_softmax(for_each_class(logits)))


def for_each_class(logits: Floats) -> Floats:
    """Logits (N, C) of all classes, from those of the second of two or from all."""
    return np.concatenate([0 * logits, logits], axis=1) if logits.shape[1] == 1 else logits


@dataclass(frozen=True)
class Coordinates:
    """Variables about their means; without a penalty, which counts slopes, uncorrelated too.

    Attributes
    ----------
    problem : Problem
    mean : ndarray, shape (p,)
        Of the variables; 0 without intercept.
    slopes : ndarray, shape (p, r), or None
        Times it, the variables have variance 1 and no correlation; None where they are left as they
        are.
    dependent : list of int
        Columns of x whose slopes the rows do not settle.
    """

    problem: Problem
    mean: Floats
    slopes: Floats | None
    dependent: list[int]

    @classmethod
    def of(cls, problem: Problem) -> Self:
        """Find the coordinates for a problem."""
        x, mean = centred(problem.x, problem.weights, problem.intercept)
        if problem.ridge:
            return cls(problem, mean, None, [])
        found = least_squares(get_backend().asarray(x), get_backend().asarray(x[:, :0]))
        slopes = found.factor * np.sqrt(problem.weights.sum())
        return cls(problem, mean, slopes, found.dependent)

    @property
    def rank(self) -> int:
        """How many coefficients there are, for each output, the intercept among them."""
        slopes = len(self.mean) if self.slopes is None else self.slopes.shape[1]
        return slopes + self.problem.intercept

    def raw(self, coef: Floats) -> Floats:
        """Return coefficients of the variables as they came, from those in these coordinates."""
        slopes = coef[int(self.problem.intercept) :]
        slopes = slopes if self.slopes is None else self.slopes @ slopes
        if not self.problem.intercept:
            return slopes
        return np.concatenate([coef[:1] - self.mean @ slopes, slopes])

    def inward(self, coef: Floats) -> Floats:
        """Return coefficients in these coordinates, from those of the variables as they came."""
        slopes = turned = coef[int(self.problem.intercept) :]
        if self.slopes is not None:
            # The variables in these coordinates have weighted squares that sum to the weights'.
            x, weights = self.turned.x, self.problem.weights
            moved = (self.problem.x - self.mean) @ slopes
            turned = x.T @ (weights[:, None] * moved) / weights.sum()
        if not self.problem.intercept:
            return turned
        return np.concatenate([coef[:1] + self.mean @ slopes, turned])

    @cached_property
    def turned(self) -> Problem:
        """The problem in these coordinates."""
        x = self.problem.x - self.mean if self.problem.intercept else self.problem.x
        return replace(self.problem, x=x if self.slopes is None else x @ self.slopes)

    @cached_property
    def likelihood(self) -> LogLikelihood:
        """Log-likelihood of coefficients in these coordinates, of each class against the first."""
        x, y = self.turned.x, self.turned.y[:, -self.problem.contrasts :]
        ridge = np.full(self.rank, self.problem.ridge)
        if self.problem.intercept:
            x, ridge[0] = _checked.with_ones(x), 0
        return LogLikelihood(x, y, self.problem.weights, ridge)
