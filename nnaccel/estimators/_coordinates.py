"""The maximum-likelihood problem, and coordinates in which it is well conditioned."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Self

import numpy as np
from numpy.typing import NDArray

from nnaccel import ops
from nnaccel.backends import get_backend
from nnaccel.estimators import _checked
from nnaccel.estimators._least_squares import (
    centred,
    decorrelation,
    least_squares,
    mean_of,
)
from nnaccel.estimators._log_likelihood import LogLikelihood

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Problem:
    """A maximum-likelihood problem.

    Attributes
    ----------
    x : ndarray, shape (N, p)
    y : ndarray, shape (N, k)
        0 or 1: one column for two classes, else a column for each class.
    weights : ndarray, shape (N,)
    ridge : float
        Half of it times the squares of the slopes is subtracted from the log-likelihood.
    intercept : bool
    """

    x: Floats
    y: Floats
    weights: Floats
    ridge: float
    intercept: bool

    @property
    def shape(self) -> tuple[int, int]:
        """Shape of the coefficients, with the intercepts."""
        return self.x.shape[1] + self.intercept, self.y.shape[1]

    @property
    def contrasts(self) -> int:
        """Number of classes but the first, the reference."""
        return max(int(self.y.shape[1]) - 1, 1)

    @property
    def targets(self) -> Floats:
        """One-hot rows (N, C) of all classes."""
        return np.concatenate([1 - self.y, self.y], axis=1) if self.y.shape[1] == 1 else self.y

    def log_probabilities(self, coef: Floats) -> Floats:
        """Log-probabilities (N, C) of all classes; intercepts are the first row of `coef`."""
        logits = self.x @ coef[self.intercept :] + (coef[0] if self.intercept else 0)
        return np.asarray(ops.log_softmax(for_each_class(logits)))


def for_each_class(logits: Floats) -> Floats:
    """Logits (N, C) of all classes; those of two classes are given for the second only."""
    return np.concatenate([0 * logits, logits], axis=1) if logits.shape[1] == 1 else logits


@dataclass(frozen=True)
class Coordinates:
    """Centred variables; without a penalty on their slopes they are also decorrelated.

    Attributes
    ----------
    problem : Problem
    mean : ndarray, shape (p,)
        Mean of the variables; 0 without intercept.
    slopes : ndarray, shape (p, r), or None
        Matrix that gives the centred variables variance 1 and no correlation; None for the
        identity.
    dependent : list of int
        Columns of x whose slopes the rows do not determine.
    is_basis : bool
        Whether x is so well-conditioned that what is computed from it can be transformed later.
    """

    problem: Problem
    mean: Floats
    slopes: Floats | None
    dependent: list[int]
    is_basis: bool = False

    @classmethod
    def of(cls, problem: Problem) -> Self:
        """Find the coordinates for a problem."""
        given = problem.x, problem.weights, problem.intercept
        if problem.ridge:
            return cls(problem, mean_of(*given), None, [])
        x, mean = centred(*given)
        size = np.sqrt(problem.weights.sum())
        on_backend = get_backend().asarray(x)
        factor = decorrelation(on_backend)
        if factor is not None:
            return cls(problem, mean, factor * size, [], is_basis=True)
        found = least_squares(on_backend, on_backend[:, :0])
        return cls(problem, mean, found.factor * size, found.dependent)

    @property
    def rank(self) -> int:
        """Number of coefficients of an output, with the intercept."""
        slopes = len(self.mean) if self.slopes is None else self.slopes.shape[1]
        return slopes + self.problem.intercept

    def to_original(self, coef: Floats) -> Floats:
        """Return coefficients of the original variables, from those in these coordinates."""
        slopes = coef[int(self.problem.intercept) :]
        slopes = slopes if self.slopes is None else self.slopes @ slopes
        if not self.problem.intercept:
            return slopes
        return np.concatenate([coef[:1] - self.mean @ slopes, slopes])

    def from_original(self, coef: Floats) -> Floats:
        """Return coefficients in these coordinates, from those of the original variables."""
        slopes = transformed = coef[int(self.problem.intercept) :]
        if self.slopes is not None and self.is_basis:
            transformed = np.asarray(np.linalg.solve(self.slopes, slopes), np.float64)
        elif self.slopes is not None:
            # The weighted squares of each variable in these coordinates sum to the sum of weights.
            x, weights = self.transformed.x, self.problem.weights
            logits = (self.problem.x - self.mean) @ slopes
            transformed = x.T @ (weights[:, None] * logits) / weights.sum()
        if not self.problem.intercept:
            return transformed
        return np.concatenate([coef[:1] + self.mean @ slopes, transformed])

    @cached_property
    def transformed(self) -> Problem:
        """The problem in these coordinates."""
        x = self.problem.x - self.mean if self.problem.intercept else self.problem.x
        return replace(self.problem, x=x if self.slopes is None else x @ self.slopes)

    @cached_property
    def likelihood(self) -> LogLikelihood:
        """Log-likelihood in these coordinates, of each class against the first."""
        problem, basis = self.problem, self.slopes if self.is_basis else None
        ridge = np.full(self.rank, problem.ridge)
        x, mean = problem.x, self.mean
        if basis is None and self.slopes is not None:
            x, mean = self.transformed.x, np.zeros(self.rank - problem.intercept)
        if problem.intercept:
            x, ridge[0] = _checked.with_ones(x, mean), 0
            basis = None if basis is None else _with_one(basis)
        y = problem.y[:, -problem.contrasts :]
        return LogLikelihood(x, y, problem.weights, ridge, basis)


def _with_one(basis: Floats) -> Floats:
    """`basis` behind a first coefficient, which stays as it is."""
    wider = np.zeros((len(basis) + 1, basis.shape[1] + 1))
    wider[0, 0], wider[1:, 1:] = 1, basis
    return wider
