"""Separation: coefficients without an estimate, with which the likelihood grows without limit."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from nnaccel.estimators._coordinates import Coordinates, Problem
from nnaccel.estimators._log_likelihood import Point

Floats = NDArray[np.float64]
Marks = NDArray[np.bool_]

#: Eigenvalues of the information below this, for rows of weight 1 and variables of variance 1, are
#: checked for separation.
_LITTLE = 0.01
#: Singular values below this, relative to the largest, are rounding.
_ROUNDING = 1e-10
_BLOCK_ROWS = 4096


@dataclass(frozen=True)
class Separation:
    """Directions along which no row's own class loses log-odds to another, and some gain.

    Attributes
    ----------
    complete : bool
        Whether along one of them each row's class gains on every other.
    unbounded : ndarray of bool, shape (p + 1, C, C), or (p, C, C) without intercept
        Coefficients without an estimate, of each class against each.
    """

    complete: bool
    unbounded: Marks

    @classmethod
    def of(cls, coordinates: Coordinates, point: Point | None, is_separated: bool) -> Self:
        """Find such directions among those with little information.

        Parameters
        ----------
        coordinates : Coordinates
        point : Point, optional
            The end of the search for a maximum; without it only complete separation is found.
        is_separated : bool
            Whether each row's own class is more probable there than all others together.

        References
        ----------
        A. Albert and J. A. Anderson, "On the existence of maximum likelihood estimates in logistic
        regression models", Biometrika 71, 1984; K. Konis, *Linear programming algorithms for
        detecting separated data in binary logistic regression models*, thesis, Oxford, 2007.
        """
        problem = coordinates.problem
        classes = problem.contrasts + 1
        none = cls(False, np.zeros((problem.shape[0], classes, classes), bool))
        if problem.ridge:
            return none
        if is_separated:
            return cls(True, ~none.unbounded & ~np.eye(classes, dtype=bool))
        if point is None:
            return none
        scale = problem.weights[problem.weights > 0].mean()
        values, vectors = np.linalg.eigh(point.information / scale)
        little = vectors[:, values < _LITTLE]
        if not little.size:
            return none
        pairs = _Pairs(problem)
        # These directions are inexact, and outliers make the other rows look small. So a linear
        # program finds the pairs that may gain, and then the null space of the others, in their
        # own scale, gives exact directions.
        gained = _gaining(_Pairs(coordinates.transformed).gains(little))
        while gained.any():
            free = pairs.null_space(~gained)
            gains = pairs.gains(free)[gained]
            size = np.abs(gains).max(axis=1, initial=0.0)[:, None]
            still = _gaining(gains / np.where(size > 0, size, 1))
            if still.all():
                return cls(False, pairs.changed_by(free))
            gained[gained] = still
        return none

    def __bool__(self) -> bool:
        return bool(self.unbounded.any())

    @property
    def rows(self) -> list[int]:
        """Indices of the rows of coefficients with some of them; the intercept's is the first."""
        return [int(row) for row in np.flatnonzero(self.unbounded.any(axis=(1, 2)))]


class _Pairs:
    """Pairs of a row's class and another class, (rows * (C - 1)) of them, and their log-odds.

    Directions are raveled coefficients (p, k) of classes against the first; the row of intercepts,
    if any, is the first.
    """

    def __init__(self, problem: Problem) -> None:
        used = problem.weights > 0
        self._intercept, self._contrasts = problem.intercept, problem.contrasts
        self._own = problem.targets[used] > 0
        self._x = problem.x[used]

    def gains(self, directions: Floats) -> Floats:
        """Gains in log-odds of all pairs along directions, (pairs, m)."""
        count, m = directions.shape
        slopes = directions.reshape(count // self._contrasts, self._contrasts, m)
        z = np.einsum("np,pkm->nkm", self._x, slopes[int(self._intercept) :])
        z = z + slopes[0] if self._intercept else z
        z = np.concatenate([np.zeros_like(z[:, :1]), z], axis=1)
        return np.asarray((z[self._own][:, None] - z)[~self._own])

    def null_space(self, marked: Marks) -> Floats:
        """Directions, (p * k, m), along which the marked pairs gain nothing.

        Columns are scaled by the rows of these pairs, so that outliers among the others do not
        matter.
        """
        rows = marked.reshape(len(self._own), self._contrasts).any(axis=1)
        some = self._x[rows]
        mean = some.mean(axis=0) if self._intercept and len(some) else np.zeros(some.shape[1])
        size = np.abs(some - mean).max(axis=0, initial=0.0)
        constant = size <= 1e-12 * np.abs(some).max(axis=0, initial=0.0)
        size = np.where(constant, np.abs(self._x - mean).max(axis=0), size)
        scale = 1 / np.where(size > 0, size, 1)
        each = len(scale) + self._intercept
        triangle = np.zeros((1, each * self._contrasts))
        for block in self._equations(marked, mean, scale):
            triangle = np.asarray(np.linalg.qr(np.concatenate([triangle, block]), mode="r"))
        _, s, vt = np.linalg.svd(triangle, full_matrices=True)
        rank = int((s > _ROUNDING * s.max(initial=0.0)).sum())
        found = vt[rank:].T.reshape(each, self._contrasts, len(vt) - rank)
        found[int(self._intercept) :] *= scale[:, None, None]
        if self._intercept:
            found[0] -= np.einsum("p,pkm->km", mean, found[1:])
        return found.reshape(len(vt), len(vt) - rank)

    def changed_by(self, directions: Floats) -> Marks:
        """Coefficients (p, C, C) of class against class that a direction changes.

        Components along which no pair gains do not count.
        """
        size = np.abs(self._x).max(axis=0)
        size = np.concatenate([[1.0], size]) if self._intercept else size
        units = np.repeat(size, self._contrasts)[:, None]
        all_pairs = np.ones(self._own.size - len(self._own), bool)
        idle, _ = np.linalg.qr(units * self.null_space(all_pairs))
        parts = units * directions
        parts -= idle @ (idle.T @ parts)
        # The intercept may be rounding of the slopes.
        floor = _ROUNDING * np.abs(parts).sum(axis=0)
        each = parts.reshape(len(size), self._contrasts, parts.shape[1])
        each = np.concatenate([np.zeros_like(each[:, :1]), each], axis=1)
        return np.asarray((np.abs(each[:, :, None] - each[:, None]) > floor).any(axis=3))

    def _equations(self, marked: Marks, mean: Floats, scale: Floats) -> Iterator[Floats]:
        """Gains of the marked pairs for a unit of each scaled coefficient, in blocks of rows."""
        pairs = marked.reshape(len(self._own), self._contrasts)
        classes = np.arange(self._contrasts + 1)
        for first in range(0, len(pairs), _BLOCK_ROWS):
            rows = slice(first, first + _BLOCK_ROWS)
            row, place = np.nonzero(pairs[rows])
            x = (self._x[rows][row] - mean) * scale
            x = np.concatenate([np.ones((len(x), 1)), x], axis=1) if self._intercept else x
            own = self._own[rows][row]
            other = np.broadcast_to(classes, own.shape)[~own].reshape(len(own), -1)
            other = other[np.arange(len(own)), place]
            sign = own[:, 1:].astype(float) - (classes[1:] == other[:, None])
            yield (x[:, :, None] * sign[:, None, :]).reshape(len(x), -1)


def _gaining(gains: Floats) -> Marks:
    """Pairs that gain along some direction d with ``gains @ d >= 0``.

    One such direction gains for all of these pairs: it maximises the sum of gains, each counted up
    to 1, in a linear program.
    """
    from scipy.optimize import linprog
    from scipy.sparse import csr_array, eye_array, hstack

    gained = np.zeros(len(gains), bool)
    size = np.abs(gains).max(axis=1, initial=0.0)
    moved = size > 1e-7 * size.max(initial=0.0)
    if not moved.any():
        return gained
    distinct, where = np.unique(gains[moved].round(12), axis=0, return_inverse=True)
    pairs, m = distinct.shape
    each = hstack([csr_array(-distinct), eye_array(pairs)], format="csr")
    cost = np.concatenate([np.zeros(m), -np.ones(pairs)])
    bounds = [(-1e3, 1e3)] * m + [(0.0, 1.0)] * pairs
    best = linprog(cost, A_ub=each, b_ub=np.full(pairs, 1e-4), bounds=bounds, method="highs")
    if best.x is not None:
        gained[moved] = (best.x[m:] > 0.5)[where.ravel()]
    return gained
