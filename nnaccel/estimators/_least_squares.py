"""Least squares by orthogonal factorisation, for matrices of any rank."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nnaccel.backends import Array, get_namespace, to_numpy

Floats = NDArray[np.float64]

#: Of a singular value to the largest one, below which a direction counts as empty.
RANK_TOLERANCE = 1e-10


@dataclass(frozen=True)
class Solution:
    """What least squares found.

    Attributes
    ----------
    coef : ndarray, shape (p, k)
        Of all that minimise the squares, those of least Euclidean norm.
    factor : ndarray, shape (p, rank)
        Times its transpose, the covariance of `coef` for errors of variance 1.
    dependent : list of int
        Columns that take part in a linear dependence; empty at full rank.
    """

    coef: Floats
    factor: Floats
    dependent: list[int]

    @property
    def rank(self) -> int:
        """Number of coefficients that the rows settle."""
        return int(self.factor.shape[1])


def least_squares(x: Array, y: Array) -> Solution:
    """Minimise the sum of squares of ``y - x @ coef``.

    A QR factorisation of x beside y, on the backend, leaves a problem of p rows, which a singular
    value decomposition solves on the host. x.T @ x, whose condition number is the square of x's,
    is never formed.

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
    xp, p = get_namespace(x), x.shape[1]
    triangle = np.asarray(to_numpy(xp.linalg.qr(xp.concatenate([x, y], axis=1), mode="r")))
    r, qty = triangle[:p, :p], triangle[:p, p:]
    # Columns of one length: the unit in which a variable is measured does not decide the rank.
    scale = _inverse_norms(r)
    u, s, vt = np.linalg.svd(r * scale, full_matrices=False)
    rank = int((s > RANK_TOLERANCE * s.max(initial=0.0)).sum())
    rows = vt[:rank]
    factor = scale[:, None] * (rows.T / s[:rank])
    coef = factor @ (u[:, :rank].T @ qty)
    if rank == p:
        return Solution(coef, factor, [])
    # What is orthogonal to every row of x changes no prediction: without it, coef is shortest.
    basis, _ = np.linalg.qr((rows / scale).T)
    free = 1 - (rows * rows).sum(axis=0)
    return Solution(basis @ (basis.T @ coef), factor, [int(j) for j in np.flatnonzero(free > 1e-9)])


def _inverse_norms(r: Floats) -> Floats:
    """One over the length of each column; 1 for those of zeros."""
    norms = np.linalg.norm(r, axis=0)
    return np.asarray(1 / np.where(norms > 0, norms, 1))
