"""Newton's method for the likelihood of logistic and softmax regression."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from nnaccel.backends import Array, get_backend, to_numpy

Floats = NDArray[np.float64]

_HALVINGS = 40
#: Of an eigenvalue of the scaled Hessian to the largest, below which its direction is left alone.
_FLAT = 1e-12
#: Of a pivot of the scaled Hessian, below which eigenvalues are looked at.
_STEEP = 1e-4


def maximise(
    likelihood: Likelihood, shape: tuple[int, int], max_iter: int, tol: float
) -> tuple[Floats, int, bool, bool]:
    """Maximise a log-likelihood from 0.

    Parameters
    ----------
    likelihood : Likelihood
    shape : pair of int
        Of the coefficients.
    max_iter : int
    tol : float
        The step that is expected to gain less than this is the last.

    Returns
    -------
    coef : ndarray of `shape`
    steps : int
    converged, separated : bool
        Whether it ended for want of gain, and whether there is no maximum: some direction only
        gains. Where it does so for every row, that ends the search.

    References
    ----------
    T. Hastie, R. Tibshirani, J. Friedman, *The Elements of Statistical Learning*, 2nd ed., 2009,
    section 4.4.1.
    """
    coef: Floats = np.zeros(shape)
    value, steps, gain, step = likelihood.value(coef), 0, np.inf, coef
    while steps < max_iter and gain >= tol:
        gradient, information = likelihood.derivatives(coef)
        step = (inverse(information) @ gradient.ravel()).reshape(shape)
        gain = float((gradient * step).sum()) / 2
        coef, value = _climb(likelihood, coef, step, value)
        steps += 1
        if likelihood.only_gains(coef):
            return coef, steps, False, True
    return coef, steps, gain < tol, likelihood.only_gains(step, slack=1e-6)


class Likelihood:
    """Log-likelihood of one sigmoid (k = 1) or of a softmax, on the backend in force.

    Parameters
    ----------
    x : ndarray, shape (N, p)
    y : ndarray, shape (N, k)
        0 or 1; rows sum to 1 where k > 1.
    weights : ndarray, shape (N,)
    ridge : ndarray, shape (p,)
        Half of it times a coefficient's square is taken off.
    """

    def __init__(self, x: Floats, y: Floats, weights: Floats, ridge: Floats) -> None:
        backend = get_backend()
        self._xp = backend.xp
        self._x, self._y = backend.asarray(x), backend.asarray(y)
        self._weights, self._ridge = backend.asarray(weights)[:, None], ridge[:, None]

    def value(self, coef: Floats) -> float:
        """Log-likelihood less the penalty."""
        xp = self._xp
        z = self._logits(coef)
        log_total = xp.logaddexp(0, z) if z.shape[1] == 1 else log_sum_exp(xp, z)
        value = float((self._weights * ((self._y * z).sum(1, keepdims=True) - log_total)).sum())
        return value - float((self._ridge * coef**2).sum()) / 2

    def derivatives(self, coef: Floats) -> tuple[Floats, Floats]:
        """Gradient, shape (p, k), and the negative of the Hessian, for raveled coefficients."""
        logits = self._logits(coef)
        errors = self._weights * (self._y - self._probabilities(logits))
        gradient = to_numpy(self._x.T @ errors) - self._ridge * coef
        return np.asarray(gradient), self.information(to_numpy(logits))

    def information(self, logits: Floats) -> Floats:
        """Return the negative of the Hessian, for raveled coefficients that give these logits."""
        p = self._probabilities(self._xp.asarray(logits))
        features, outputs = self._x.shape[1], logits.shape[1]
        blocks = np.zeros((features, outputs, features, outputs))
        if outputs == 1:
            blocks[:, 0, :, 0] = self._gram(p[:, 0] * (1 - p[:, 0]))
        for a in range(outputs):
            for b in range(a):
                block = self._gram(p[:, a] * p[:, b])
                blocks[:, a, :, b] = blocks[:, b, :, a] = -block
                # The probabilities of a row sum to 1, so the blocks of a row of blocks to 0.
                blocks[:, a, :, a] += block
                blocks[:, b, :, b] += block
        square = blocks.reshape(features * outputs, features * outputs)
        square[np.diag_indices(len(square))] += np.repeat(self._ridge.ravel(), outputs)
        return square

    def only_gains(self, direction: Floats, slack: float = 0.0) -> bool:
        """Whether there is no maximum, for what lies in this direction; never with a penalty."""
        if self._ridge.any():
            return False
        logits, y, weights = self._logits(direction), self._y, self._weights[:, 0]
        return only_gains(to_numpy(logits), to_numpy(y), to_numpy(weights), slack)

    def _gram(self, spread: Array) -> Floats:
        """Return ``x.T @ diag(weights * spread) @ x``, as the square of one matrix."""
        half = self._x * self._xp.sqrt(self._weights[:, 0] * spread)[:, None]
        return np.array(to_numpy(half.T @ half))

    def _logits(self, coef: Floats) -> Array:
        return self._x @ self._xp.asarray(coef)

    def _probabilities(self, z: Array) -> Array:
        xp = self._xp
        return xp.exp(z - (xp.logaddexp(0, z) if z.shape[1] == 1 else log_sum_exp(xp, z)))


def only_gains(logits: Floats, y: Floats, weights: Floats, slack: float = 0.0) -> bool:
    """Whether each row's own class gains on every other, so that twice as much is likelier still.

    Parameters
    ----------
    logits : ndarray, shape (N, k)
        What a direction adds to them.
    y : ndarray, shape (N, k)
    weights : ndarray, shape (N,)
    slack : float
        Above 0, a row may gain nothing, or lose that share of the largest gain.
    """
    z, own = for_each_class(logits), y > 0
    if y.shape[1] == 1:
        own = np.concatenate([~own, own], axis=1)
    leads = (z[own][:, None] - z)[~own & (weights > 0)[:, None]]
    # Steps shrink to nothing at a maximum, but not on the way to one that is not there.
    return bool(leads.max() > 1e-3 and leads.min() > -slack * leads.max())


def _climb(
    likelihood: Likelihood, coef: Floats, step: Floats, value: float
) -> tuple[Floats, float]:
    """Go along `step`, halved until the likelihood does not fall; stay if it always does."""
    for halving in range(_HALVINGS):
        tried = coef + step / 2**halving
        reached = likelihood.value(tried)
        if reached >= value - 1e-13 * abs(value):
            return tried, reached
    return coef, value


def inverse(information: Floats) -> Floats:
    """Inverse of a symmetric matrix where it is one, 0 in directions that are flat."""
    scale = np.sqrt(np.diagonal(information))
    scale = 1 / np.where(scale > 0, scale, 1)
    scaled = information * scale * scale[:, None]
    inverted = _by_cholesky(scaled)
    if inverted is None:
        values, vectors = np.linalg.eigh(scaled)
        curved = values > _FLAT * values.max(initial=0.0)
        inverted = vectors[:, curved] / values[curved] @ vectors[:, curved].T
    return np.asarray(inverted * scale * scale[:, None])


def _by_cholesky(matrix: Floats) -> Floats | None:
    """Inverse of a positive definite matrix with 1 on its diagonal; None if it is nearly flat."""
    from scipy.linalg import lapack

    factor, failed = lapack.dpotrf(matrix)
    if failed or np.diagonal(factor).min(initial=1.0) < _STEEP:
        return None
    upper, _ = lapack.dpotri(factor)
    return np.asarray(np.triu(upper) + np.triu(upper, 1).T)


def for_each_class(logits: Floats) -> Floats:
    """Logits (N, C) of all classes, from those of the second of two or from all."""
    return np.concatenate([0 * logits, logits], axis=1) if logits.shape[1] == 1 else logits


def log_sum_exp(xp: Array, z: Array) -> Array:
    """Logarithm of the sums of exponentials of rows, without overflow."""
    top = z.max(axis=1, keepdims=True)
    return top + xp.log(xp.exp(z - top).sum(axis=1, keepdims=True))
