"""Least squares: by normal equations where they are accurate, else by orthogonal factorisation."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nnaccel.backends import Array, get_namespace, to_numpy
from nnaccel.estimators._collinear import ROUNDING

Floats = NDArray[np.float64]

#: Smallest singular value, relative to the largest, that counts for the rank.
RANK_TOLERANCE = 1e-10

#: Largest element of the inverse Cholesky factor of ``x.T @ x``, for columns of length 1, for which
#: normal equations are accurate: no variance is inflated by more than p times its square.
_MAX_INVERSE = 100.0
#: Length of a column whose products with others may underflow.
_SHORT = 1e-140


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


def mean_of(x: Floats, weights: Floats, intercept: bool) -> Floats:
    """Return the weighted mean of the rows, shape (p,); 0 without an intercept."""
    return np.asarray(weights @ x / weights.sum()) if intercept else np.zeros(x.shape[1])


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
    mean = mean_of(x, weights, intercept)
    moved, root = x - mean, np.sqrt(weights)[:, None]
    if (root != 1).any():
        moved *= root
    for j in _nearly_constant(moved, root.max() * np.abs(mean)):
        if _largest(moved[:, j]) <= ROUNDING * _largest(root[:, 0] * x[:, j]):
            moved[:, j] = 0
    return moved, mean


def _nearly_constant(moved: Floats, mean: Floats) -> NDArray[np.intp]:
    """Columns that may be constant, by their lengths, which take one pass over rows."""
    norms = np.sqrt(np.einsum("np,np->p", moved, moved))
    return np.flatnonzero(norms / np.sqrt(len(moved)) <= ROUNDING * (mean + norms))


def least_squares(x: Array, y: Array) -> Solution:
    """Minimise the sum of squares of ``y - x @ coef``.

    A well-conditioned x takes matrix products only: the normal equations, whose solution is
    corrected once by its residuals [1]_. Any other x, or its transpose if that is taller, is
    factorised by Householder reflections on the backend, and R by its singular values on the host,
    which give the rank [2]_.

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
    .. [1] A. Bjorck, "Stability analysis of the method of seminormal equations for linear least
       squares problems", Linear Algebra and its Applications 88/89, 1987.
    .. [2] G. H. Golub and C. F. Van Loan, *Matrix Computations*, 4th ed., 2013, sections 5.3, 5.5.
    """
    factor = decorrelation(x)
    if factor is not None:
        coef = _by_normal_equations(x, y, factor)
        return Solution(coef + _by_normal_equations(x, y - x @ _like(x, coef), factor), factor, [])
    # Columns of length 1: the unit of a variable does not change the rank.
    xp, p = get_namespace(x), x.shape[1]
    norms = np.sqrt(to_numpy(xp.einsum("np,np->p", x, x)))
    scale = 1 / np.where(norms > 0, norms, 1)
    x = x * xp.asarray(scale)
    if len(x) >= p:
        both = np.asarray(to_numpy(xp.linalg.qr(xp.concatenate([x, y], axis=1), mode="r")))
        u, s, vt = np.linalg.svd(both[:p, :p], full_matrices=False)
        uty = u.T @ both[:p, p:]
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


def _largest(x: Floats) -> float:
    """Largest absolute value."""
    return float(np.maximum(x.max(), -x.min()))


def decorrelation(x: Array) -> Floats | None:
    """Return the triangular matrix that makes the columns of x orthonormal, shape (p, p).

    None if x is not well-conditioned.
    """
    if len(x) <= x.shape[1]:
        return None
    gram = np.asarray(to_numpy(x.T @ x))
    norms = np.sqrt(np.diagonal(gram))
    if norms.min(initial=1.0) < _SHORT:
        return None
    scale = 1 / norms
    inverse = inverse_factor(gram * scale * scale[:, None], _MAX_INVERSE)
    return None if inverse is None else np.asarray(inverse.T * scale[:, None])


def inverse_factor(matrix: Floats, largest: float) -> Floats | None:
    """Return the inverse of the Cholesky factor of a matrix with 1 on its diagonal.

    None if the matrix is not positive definite, or an element would exceed `largest`. Pivots alone
    do not tell: many of moderate size can make a matrix that is nearly singular.
    """
    try:
        inverse = np.linalg.inv(np.linalg.cholesky(matrix))
    except np.linalg.LinAlgError:
        return None
    return inverse if np.abs(inverse).max(initial=0.0) <= largest else None


def _by_normal_equations(x: Array, y: Array, factor: Floats) -> Floats:
    """Coefficients of y, for the inverse ``factor @ factor.T`` of ``x.T @ x``."""
    return np.asarray(factor @ (factor.T @ to_numpy(x.T @ y)))


def _like(x: Array, a: Floats) -> Array:
    """A matrix in the namespace of x."""
    return get_namespace(x).asarray(a)
