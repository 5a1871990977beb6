"""Newton's method for the likelihood of logistic and softmax regression."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from nnaccel.estimators._log_likelihood import LogLikelihood, Point

Floats = NDArray[np.float64]

_HALVINGS = 40
#: Of an eigenvalue of the scaled Hessian to the largest, below which its direction is left alone.
_FLAT = 1e-12
#: Of a pivot of the scaled Hessian, below which eigenvalues are looked at.
_STEEP = 1e-4


def maximise(
    likelihood: LogLikelihood, max_iter: int, tol: float, *, bounded: bool
) -> tuple[Floats, int, bool]:
    """Maximise a log-likelihood from 0.

    Parameters
    ----------
    likelihood : LogLikelihood
    max_iter : int
    tol : float
        The step that is expected to gain less than this is the last.
    bounded : bool
        Whether a penalty sees to it that there is a maximum. Without, the search ends where every
        class can be told: there is none then.

    Returns
    -------
    coef : ndarray, shape (p, k)
    steps : int
    converged : bool
        Whether it ended for want of gain.

    References
    ----------
    T. Hastie, R. Tibshirani, J. Friedman, *The Elements of Statistical Learning*, 2nd ed., 2009,
    section 4.4.1.
    """
    coef: Floats = np.zeros(likelihood.shape)
    here, steps, gain = likelihood.at(coef), 0, np.inf
    while steps < max_iter and gain >= tol and (bounded or not here.all_told):
        step = (inverse(here.information) @ here.gradient.ravel()).reshape(coef.shape)
        gain = float((here.gradient * step).sum()) / 2
        coef, here = _climb(likelihood, coef, step, here)
        steps += 1
    return coef, steps, gain < tol


def _climb(
    likelihood: LogLikelihood, coef: Floats, step: Floats, here: Point
) -> tuple[Floats, Point]:
    """Go along `step`, halved until the likelihood does not fall; stay if it always does."""
    for halving in range(_HALVINGS):
        tried = coef + step / 2**halving
        there = likelihood.at(tried)
        if there.value >= here.value - 1e-13 * abs(here.value):
            return tried, there
    return coef, here


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
    try:
        factor = np.linalg.cholesky(matrix)
    except np.linalg.LinAlgError:
        return None
    if np.diagonal(factor).min(initial=1.0) < _STEEP:
        return None
    half = np.linalg.inv(factor)
    return np.asarray(half.T @ half)
