"""The log-likelihood of softmax regression, with what Newton's method needs of it."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nnaccel.backends import Array, get_backend, is_cupy, to_numpy

Floats = NDArray[np.float64]

#: Rows that are looked at together fill about so many bytes: they stay in the cache.
_BLOCK = 1 << 19
#: Products of fewer rows are slow.
_FEWEST = 512


#: Log-probability above which a class is likelier than all others together.
TOLD = math.log(0.5) + 1e-3


@dataclass(frozen=True)
class Point:
    """The log-likelihood at some coefficients.

    Attributes
    ----------
    value : float
        Less the penalty.
    gradient : ndarray, shape (p, k)
        Of the value.
    information : ndarray, shape (p * k, p * k)
        The negative of its Hessian, for raveled coefficients.
    all_told : bool
        Whether each row's own class is likelier than all others together.
    """

    value: float
    gradient: Floats
    information: Floats
    all_told: bool


class LogLikelihood:
    """Log-likelihood of classes 1 to k against class 0, on the backend in force.

    Parameters
    ----------
    x : ndarray, shape (N, p)
    y : ndarray, shape (N, k)
        0 or 1; a row of class 0 holds zeros only.
    weights : ndarray, shape (N,)
    ridge : ndarray, shape (p,)
        Half of it times a coefficient's square is taken off: for k = 1 of the coefficient itself,
        for more of those that all classes have when they sum to 0.

    References
    ----------
    T. Hastie, R. Tibshirani, J. Friedman, *The Elements of Statistical Learning*, 2nd ed., 2009,
    section 4.4.1.
    """

    def __init__(self, x: Floats, y: Floats, weights: Floats, ridge: Floats) -> None:
        backend, k = get_backend(), y.shape[1]
        self._xp = backend.xp
        self._x, self._y = backend.asarray(x), backend.asarray(y)
        self._weights, self._ridge = backend.asarray(weights), ridge
        self._metric = np.eye(k) if k == 1 else np.eye(k) - 1 / (k + 1)
        self.shape = x.shape[1], k

    def at(self, coef: Floats) -> Point:
        """Look at all rows once."""
        features, k = self.shape
        value, least = 0.0, math.inf
        gradient, blocks = np.zeros(self.shape), np.zeros((features, k, features, k))
        on_backend = self._xp.asarray(coef)
        for rows in self._blocks():
            x, y, weights = self._x[rows], self._y[rows], self._weights[rows]
            p, own = self._probabilities(x @ on_backend, y)
            value += float(weights @ own)
            # A row of weight 0 must not count, and its weight makes it 0 here, which is the most.
            least = min(least, float((own * (weights > 0)).min()))
            gradient += to_numpy(x.T @ (weights[:, None] * (y - p[:, 1:])))
            self._add_information(blocks, x, p, weights)
        pull = self._ridge[:, None] * (coef @ self._metric)
        information = blocks.reshape(features * k, features * k)
        return Point(
            value - float((coef * pull).sum()) / 2,
            gradient - pull,
            information + np.kron(np.diag(self._ridge), self._metric),
            least > TOLD,
        )

    def _blocks(self) -> list[slice]:
        """All rows at once on a GPU, elsewhere as many as the cache holds."""
        count, features = self._x.shape
        size = count if is_cupy(self._x) else max(_BLOCK // (8 * max(features, 1)), _FEWEST)
        return [slice(i, i + size) for i in range(0, count, max(size, 1))]

    def _probabilities(self, z: Array, y: Array) -> tuple[Array, Array]:
        """Return those of all classes, and the logarithm of that of each row's own."""
        xp = self._xp
        top = xp.maximum(z.max(axis=1, keepdims=True), 0)
        powers = xp.exp(xp.concatenate([-top, z - top], axis=1))
        total = powers.sum(axis=1, keepdims=True)
        own = (y * z).sum(axis=1) - (top + xp.log(total))[:, 0]
        return powers / total, own

    def _add_information(self, blocks: Floats, x: Array, p: Array, weights: Array) -> None:
        """Add what some rows know; blocks has shape (p, k, p, k)."""
        for a in range(1, p.shape[1]):
            for b in range(a):
                half = x * self._xp.sqrt(weights * p[:, a] * p[:, b])[:, None]
                block = to_numpy(half.T @ half)
                # The probabilities of a row sum to 1, so the blocks of a row of blocks to 0.
                blocks[:, a - 1, :, a - 1] += block
                if b:
                    blocks[:, b - 1, :, b - 1] += block
                    blocks[:, a - 1, :, b - 1] -= block
                    blocks[:, b - 1, :, a - 1] -= block
