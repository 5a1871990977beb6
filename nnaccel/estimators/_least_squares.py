"""Least squares by orthogonal factorisation, for matrices of any rank."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nnaccel.backends import Array, get_namespace, to_numpy
from nnaccel.estimators._collinear import ROUNDING

Floats = NDArray[np.float64]

#: Smallest singular value, relative to the largest, that counts for the rank.
RANK_TOLERANCE = 1e-10

#: Smallest pivot of ``x.T @ x``, for columns of length 1, for which CholeskyQR2 is accurate.
_MIN_PIVOT = 1e-3


@dataclass(frozen=True)
class Solution:
    """A least-squares solution.

    Attributes
    ----------
    coef : ndarray, shape (p, k)
        The solution of least Euclidean norm.
    factor : ndarray, shape (p, rank)
        ``factor @ factor.T`` is the covariance of `coef` for errors of variance 1.
    dependent : list of int
        Linearly dependent columns; empty at full rank.
    """

    coef: Floats
    factor: Floats
    dependent: list[int]

    @property
    def rank(self) -> int:
        """Number of coefficients determined by the rows."""
        return int(self.factor.shape[1])


def centred(x: Floats, weights: Floats, intercept: bool) -> tuple[Floats, Floats]:
    """Return the centred rows, times the root of their weights, and the mean.

    Parameters
    ----------
    x : ndarray, shape (N, p)
    weights : ndarray, shape (N,)
    intercept : bool
        Without an intercept the mean is 0.

    Returns
    -------
    centred : ndarray, shape (N, p)
        0 in a column that is constant up to rounding.
    mean : ndarray, shape (p,)
    """
    mean = weights @ x / weights.sum() if intercept else np.zeros(x.shape[1])
    moved, largest = x - mean, _largest(x)
    if (weights != weights[0]).any() or weights[0] != 1:
        root = np.sqrt(weights)[:, None]
        moved *= root
        largest = _largest(root * x)
    moved[:, _largest(moved) <= ROUNDING * largest] = 0
    return moved, mean


def least_squares(x: Array, y: Array) -> Solution:
    """Minimise the sum of squares of ``y - x @ coef``.

    By a QR factorisation of x, or of its transpose if that is taller, on the backend, and a
    singular value decomposition of R on the host, which gives the rank.

    Parameters
    ----------
    x : array, shape (N, p)
        float64, of any backend.
    y : array, shape (N, k)

    Returns
    -------
    Solution

    References
    ----------
    G. H. Golub and C. F. Van Loan, *Matrix Computations*, 4th ed., 2013, sections 5.3 and 5.5.
    """
    # Columns of length 1: the unit of a variable does not change the rank.
    xp, p = get_namespace(x), x.shape[1]
    norms = np.sqrt(to_numpy(xp.einsum("np,np->p", x, x)))
    scale = 1 / np.where(norms > 0, norms, 1)
    x = x * xp.asarray(scale)
    if len(x) >= p:
        r, qty = _triangle(x, y)
        u, s, vt = np.linalg.svd(r, full_matrices=False)
        uty = u.T @ qty
    else:
        q, r = (np.asarray(to_numpy(a)) for a in xp.linalg.qr(x.T))
        u, s, vt = np.linalg.svd(r.T)
        vt, uty = vt @ q.T, u.T @ np.asarray(to_numpy(y))
    rank = int((s > RANK_TOLERANCE * s.max(initial=0.0)).sum())
    rows = vt[:rank]
    factor = scale[:, None] * (rows.T / s[:rank])
    dependent: list[int] = []
    if rank < p:
        # Components orthogonal to all rows of x change no prediction: coef of least norm has none.
        basis, _ = np.linalg.qr((rows / scale).T)
        factor = basis @ (basis.T @ factor)
        free = 1 - (rows * rows).sum(axis=0)
        dependent = [int(j) for j in np.flatnonzero(free > 1e-9)]
    return Solution(factor @ uty[:rank], factor, dependent)


def _largest(x: Floats) -> Floats:
    """Largest absolute value of each column."""
    return np.asarray(np.maximum(x.max(axis=0), -x.min(axis=0)))


def _triangle(x: Array, y: Array) -> tuple[Floats, Floats]:
    """Return R of a QR factorisation of x, shape (p, p), and ``Q.T @ y``.

    A well-conditioned x is factorised by CholeskyQR2: matrix products only, and as accurate as
    Householder reflections, since the second factorisation corrects the first. Any other x is
    factorised by Householder reflections.

    References
    ----------
    Y. Yamamoto, Y. Nakatsukasa, Y. Yanagisawa and T. Fukaya, "Roundoff error analysis of the
    CholeskyQR2 algorithm", ETNA 44, 2015.
    """
    xp, p = get_namespace(x), x.shape[1]
    first = _cholesky(np.asarray(to_numpy(x.T @ x)))
    if len(x) > p and np.diagonal(first).min(initial=1.0) > _MIN_PIVOT:
        q = x @ xp.asarray(np.linalg.inv(first))
        second = _cholesky(np.asarray(to_numpy(q.T @ q)))
        return second @ first, np.linalg.solve(second.T, np.asarray(to_numpy(q.T @ y)))
    triangle = np.asarray(to_numpy(xp.linalg.qr(xp.concatenate([x, y], axis=1), mode="r")))
    return triangle[:p, :p], triangle[:p, p:]


def _cholesky(gram: Floats) -> Floats:
    """Upper Cholesky factor of `gram`; zeros if it is not positive definite."""
    try:
        return np.asarray(np.linalg.cholesky(gram).T)
    except np.linalg.LinAlgError:
        return np.zeros_like(gram)
