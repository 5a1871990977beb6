"""Coefficients that have no estimate, because the likelihood rises with them for ever."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from nnaccel.estimators._coordinates import Coordinates
from nnaccel.estimators._log_likelihood import Point

Floats = NDArray[np.float64]

#: For rows of weight 1 and variables of variance 1, the information that is little enough to ask.
_LITTLE = 0.01
#: What a direction of length 1 changes by less, it does not change.
_NOTHING = 1e-5


@dataclass(frozen=True)
class Separation:
    """Directions along which each row's own class loses to no other, and gains on some.

    Attributes
    ----------
    complete : bool
        Whether there is one along which each row's class gains on every other.
    unbounded : ndarray of bool, shape (p + 1, k), or (p, k) without intercept
        Coefficients of classes against the first that have no estimate.
    """

    complete: bool
    unbounded: NDArray[np.bool_]

    @classmethod
    def of(cls, coordinates: Coordinates, point: Point | None, all_told: bool) -> Self:
        """Look for directions, where so little is known that there may be some.

        Parameters
        ----------
        coordinates : Coordinates
        point : Point, optional
            Where the search for a maximum ended; without it only complete separation is found.
        all_told : bool
            Whether each row's own class is likelier there than all others together.

        References
        ----------
        A. Albert and J. A. Anderson, "On the existence of maximum likelihood estimates in logistic
        regression models", Biometrika 71, 1984; K. Konis, *Linear programming algorithms for
        detecting separated data in binary logistic regression models*, thesis, Oxford, 2007.
        """
        problem = coordinates.problem
        shape = coordinates.rank, problem.contrasts
        nowhere = cls(False, np.zeros((problem.shape[0], shape[1]), bool))
        if problem.ridge:
            return nowhere
        if all_told:
            return cls(True, ~nowhere.unbounded)
        if point is None:
            return nowhere
        scale = problem.weights[problem.weights > 0].mean()
        values, vectors = np.linalg.eigh(point.information / scale)
        little = vectors[:, values < _LITTLE]
        if not little.size:
            return nowhere
        found = little @ _recession(_gains(coordinates, little))
        size = np.abs(problem.x - coordinates.mean).max(axis=0)[:, None]
        changed = [coordinates.raw(each.reshape(shape)) for each in found.T]
        scales = np.concatenate([np.ones((1, 1)), size]) if problem.intercept else size
        unbounded = [np.abs(each * scales) > _NOTHING for each in changed]
        return cls(False, np.any([nowhere.unbounded, *unbounded], axis=0))

    def __bool__(self) -> bool:
        return bool(self.unbounded.any())

    @property
    def rows(self) -> list[int]:
        """Rows of coefficients, the intercept's first if there is one, with some of them."""
        return [int(row) for row in np.flatnonzero(self.unbounded.any(axis=1))]


def _gains(coordinates: Coordinates, directions: Floats) -> Floats:
    """What each row's class gains on every other along directions: (pairs that change, m)."""
    problem, rank = coordinates.problem, coordinates.rank
    used = problem.weights > 0
    x = coordinates.turned.x[used]
    slopes = directions.reshape(rank, problem.contrasts, -1)
    z = np.einsum("np,pkm->nkm", x, slopes[int(problem.intercept) :])
    if problem.intercept:
        z += slopes[0]
    z = np.concatenate([np.zeros_like(z[:, :1]), z], axis=1)
    own = problem.targets[used] > 0
    gains = (z[own][:, None] - z)[~own]
    return np.unique(gains[np.abs(gains).max(axis=1) > _NOTHING].round(9), axis=0)


def _recession(gains: Floats) -> Floats:
    """Span, shape (m, s), of the directions d for which ``gains @ d`` is nowhere below 0.

    Of all those directions, one gains wherever any does: it is found by a linear program that
    counts gains up to 1. What spans them is then orthogonal to the rows that it leaves at 0.
    """
    from scipy.optimize import linprog
    from scipy.sparse import csr_array, eye_array, hstack

    pairs, m = gains.shape
    each = hstack([csr_array(-gains), eye_array(pairs)], format="csr")
    cost = np.concatenate([np.zeros(m), -np.ones(pairs)])
    bounds = [(-1e3, 1e3)] * m + [(0.0, 1.0)] * pairs
    best = linprog(cost, A_ub=each, b_ub=np.full(pairs, 1e-4), bounds=bounds, method="highs")
    if best.x is None:
        return np.zeros((m, 0))
    gained = best.x[m:] > 0.5
    if not gained.any():
        return np.zeros((m, 0))
    _, s, vt = np.linalg.svd(gains[~gained], full_matrices=True)
    rank = int((s > _NOTHING * s.max(initial=0.0)).sum()) if s.size else 0
    return np.asarray(vt[rank:].T)
