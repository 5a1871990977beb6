"""The log-likelihood of softmax regression, with its gradient and information matrix."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nnaccel.backends import Array, get_backend, is_on_device, to_numpy

Floats = NDArray[np.float64]

#: Bytes of a block of rows, which stays in the cache.
_BLOCK_BYTES = 1 << 19
#: Fewest rows of a block: products of fewer rows are slow.
_MIN_ROWS = 2048


#: Log-probability above which a class is more probable than all others together.
SEPARATED = math.log(0.5) + 1e-3


@dataclass(frozen=True)
class Point:
    """The log-likelihood at some coefficients.

    Attributes
    ----------
    value : float
        Log-likelihood minus penalty.
    log_likelihood : float
    gradient : ndarray, shape (p, k)
        Gradient of the value.
    information : ndarray, shape (p * k, p * k)
        Negative Hessian of the value, for raveled coefficients; empty if it was not asked for.
    is_separated : bool
        Whether each row's own class is more probable than all others together.
    """

    value: float
    log_likelihood: float
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
    ridge : ndarray, shape (r,)
        Half of it times the squares of the coefficients is subtracted; for k > 1 the squares of
        the equivalent coefficients of all classes that sum to 0.
    basis : ndarray, shape (p, r), or None
        The coefficients of x are `basis` times those asked for, and the weighted squares of
        ``x @ basis`` sum to the sum of weights, without correlation. None for the identity.

    References
    ----------
    T. Hastie, R. Tibshirani, J. Friedman, *The Elements of Statistical Learning*, 2nd ed., 2009,
    section 4.4.1.
    """

    def __init__(
        self, x: Floats, y: Floats, weights: Floats, ridge: Floats, basis: Floats | None = None
    ) -> None:
        backend, k = get_backend(), y.shape[1]
        self._xp = backend.xp
        self._x, self._y = backend.asarray(x), backend.asarray(y)
        self._weights, self._ridge = backend.asarray(weights), ridge
        self._metric = np.eye(k) if k == 1 else np.eye(k) - 1 / (k + 1)
        self._basis, self.shape = basis, (len(ridge), k)

    def at(self, coef: Floats, curved: bool = True) -> Point:
        """Return value, gradient and, if `curved`, information at `coef`, in one pass over rows."""
        # At 0 all classes are as probable: the information is that of a basis without correlation.
        is_known = self._basis is not None and not coef.any()
        features, k = self._x.shape[1], self.shape[1]
        value, least = 0.0, math.inf
        gradient, blocks = np.zeros((features, k)), np.zeros((features, k, features, k))
        on_backend = self._xp.asarray(coef if self._basis is None else self._basis @ coef)
        slices = self._blocks()
        scaled = self._xp.empty(self._x[slices[0]].shape)
        for rows in slices:
            x, y, weights = self._x[rows], self._y[rows], self._weights[rows]
            p, own = self._probabilities(x @ on_backend, y)
            value += float(weights @ own)
            # A row of weight 0 must not count: it gives 0 here, the largest log-probability.
            least = min(least, float((own * (weights > 0)).min()))
            gradient += to_numpy(x.T @ (weights[:, None] * (y - p[1:].T)))
            if curved and not is_known:
                self._add_information(blocks, x, p, weights, scaled[: len(x)])
        pull = self._ridge[:, None] * (coef @ self._metric)
        if self._basis is not None:
            gradient = self._basis.T @ gradient
        return Point(
            value - float((coef * pull).sum()) / 2,
            value,
            gradient - pull,
            self._information(blocks, is_known) if curved else np.empty((0, 0)),
            least > SEPARATED,
        )

    def _information(self, blocks: Floats, is_known: bool) -> Floats:
        """Information in the basis, with the penalty, from `blocks` of that in x."""
        (features, k), ridge = self.shape, np.kron(np.diag(self._ridge), self._metric)
        if is_known:
            total = float(self._weights.sum()) / (k + 1)
            return np.asarray(total * np.kron(np.eye(features), np.eye(k) - 1 / (k + 1)) + ridge)
        if self._basis is not None:
            blocks = np.tensordot(np.tensordot(blocks, self._basis, (2, 0)), self._basis, (0, 0))
            blocks = blocks.transpose(3, 0, 2, 1)
        return np.asarray(blocks.reshape(ridge.shape) + ridge)

    def _blocks(self) -> list[slice]:
        """Slices of rows: all at once on a GPU, on a CPU blocks that fit the cache."""
        count, features = self._x.shape
        size = (
            count
            if is_on_device(self._x)
            else max(_BLOCK_BYTES // (8 * max(features, 1)), _MIN_ROWS)
        )
        return [slice(i, i + size) for i in range(0, count, max(size, 1))]

    def _probabilities(self, z: Array, y: Array) -> tuple[Array, Array]:
        """Return the probabilities (C, N) of all classes, and the log of each row's own."""
        xp = self._xp
        if z.shape[1] == 1:
            (y, z), small = (y[:, 0], z[:, 0]), xp.exp(-xp.abs(z[:, 0]))
            total, is_second = 1 + small, z > 0  # of the two powers, divided by the larger one
            p = xp.empty((2, len(z)))
            p[0], p[1] = xp.where(is_second, small, 1), xp.where(is_second, 1, small)
            p /= total
            return p, xp.minimum(xp.where(y > 0, z, -z), 0) - xp.log(total)
        top = xp.maximum(z.max(axis=1, keepdims=True), 0)
        powers = xp.exp(xp.concatenate([-top, z - top], axis=1))
        total = powers.sum(axis=1, keepdims=True)
        own = (y * z).sum(axis=1) - (top + xp.log(total))[:, 0]
        return (powers / total).T, own

    def _add_information(
        self, blocks: Floats, x: Array, p: Array, weights: Array, scaled: Array
    ) -> None:
        """Add the information of some rows to `blocks`, of shape (p, k, p, k)."""
        for a in range(1, len(p)):
            for b in range(a):
                root = self._xp.sqrt(weights * p[a] * p[b])
                self._xp.multiply(x, root[:, None], out=scaled)
                block = to_numpy(scaled.T @ scaled)
                # Probabilities of a row sum to 1, so each row of blocks sums to 0.
                blocks[:, a - 1, :, a - 1] += block
                if b:
                    blocks[:, b - 1, :, b - 1] += block
                    blocks[:, a - 1, :, b - 1] -= block
                    blocks[:, b - 1, :, a - 1] -= block
