"""The log-likelihood of softmax regression, with its gradient and information matrix."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nnaccel.backends import Array, get_backend, is_cupy, to_numpy

Floats = NDArray[np.float64]

#: Bytes of a block of rows, which stays in the cache.
_BLOCK_BYTES = 1 << 19
#: Fewest rows of a block: products of fewer rows are slow.
_MIN_ROWS = 512


#: Log-probability above which a class is more probable than all others together.
SEPARATED = math.log(0.5) + 1e-3


@dataclass(frozen=True)
class Point:
    """The log-likelihood at some coefficients.

    Attributes
    ----------
    value : float
        Log-likelihood minus penalty.
    gradient : ndarray, shape (p, k)
        Gradient of the value.
    information : ndarray, shape (p * k, p * k)
        Negative Hessian of the value, for raveled coefficients.
    is_separated : bool
        Whether each row's own class is more probable than all others together.
    """

    value: float
    gradient: Floats
    information: Floats
    is_separated: bool


class LogLikelihood:
    """Log-likelihood of classes 1 to k against class 0, on the current backend.

    Parameters
    ----------
    x : ndarray, shape (N, p)
    y : ndarray, shape (N, k)
        0 or 1; a row of class 0 is all zeros.
    weights : ndarray, shape (N,)
    ridge : ndarray, shape (p,)
        Half of it times the squares of the coefficients is subtracted; for k > 1 the squares of
        the equivalent coefficients of all classes that sum to 0.

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
        """Return value, gradient and information at `coef`, in one pass over the rows."""
        features, k = self.shape
        value, least = 0.0, math.inf
        gradient, blocks = np.zeros(self.shape), np.zeros((features, k, features, k))
        on_backend = self._xp.asarray(coef)
        for rows in self._blocks():
            x, y, weights = self._x[rows], self._y[rows], self._weights[rows]
            p, own = self._probabilities(x @ on_backend, y)
            value += float(weights @ own)
            # A row of weight 0 must not count: it gives 0 here, the largest log-probability.
            least = min(least, float((own * (weights > 0)).min()))
            gradient += to_numpy(x.T @ (weights[:, None] * (y - p[:, 1:])))
            self._add_information(blocks, x, p, weights)
        pull = self._ridge[:, None] * (coef @ self._metric)
        information = blocks.reshape(features * k, features * k)
        return Point(
            value - float((coef * pull).sum()) / 2,
            gradient - pull,
            information + np.kron(np.diag(self._ridge), self._metric),
            least > SEPARATED,
        )

    def _blocks(self) -> list[slice]:
        """Slices of rows: all at once on a GPU, on a CPU blocks that fit the cache."""
        count, features = self._x.shape
        size = count if is_cupy(self._x) else max(_BLOCK_BYTES // (8 * max(features, 1)), _MIN_ROWS)
        return [slice(i, i + size) for i in range(0, count, max(size, 1))]

    def _probabilities(self, z: Array, y: Array) -> tuple[Array, Array]:
        """Return the probabilities of all classes, and the log-probability of each row's own."""
        xp = self._xp
        top = xp.maximum(z.max(axis=1, keepdims=True), 0)
        powers = xp.exp(xp.concatenate([-top, z - top], axis=1))
        total = powers.sum(axis=1, keepdims=True)
        own = (y * z).sum(axis=1) - (top + xp.log(total))[:, 0]
        return powers / total, own

    def _add_information(self, blocks: Floats, x: Array, p: Array, weights: Array) -> None:
        """Add the information of some rows to `blocks`, of shape (p, k, p, k)."""
        for a in range(1, p.shape[1]):
            for b in range(a):
                half = x * self._xp.sqrt(weights * p[:, a] * p[:, b])[:, None]
                block = to_numpy(half.T @ half)
                # Probabilities of a row sum to 1, so each row of blocks sums to 0.
                blocks[:, a - 1, :, a - 1] += block
                if b:
                    blocks[:, b - 1, :, b - 1] += block
                    blocks[:, a - 1, :, b - 1] -= block
                    blocks[:, b - 1, :, a - 1] -= block
