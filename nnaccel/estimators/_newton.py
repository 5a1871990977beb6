"""Newton's method for the likelihood of logistic and softmax regression."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from nnaccel.estimators._least_squares import inverse_factor
from nnaccel.estimators._log_likelihood import LogLikelihood, Point

Floats = NDArray[np.float64]

_MAX_HALVINGS = 40
#: Expected gain of a last step that changes the information by less than a millionth.
_SETTLED = 1e-12
#: Smallest eigenvalue of the scaled Hessian, relative to the largest, that is inverted.
_MIN_EIGENVALUE = 1e-12
#: Largest element of the inverse Cholesky factor of the scaled Hessian, for which it is inverted
#: without an eigendecomposition.
_MAX_INVERSE = 1e4


def maximise(
    likelihood: LogLikelihood, max_iter: int, tol: float, *, bounded: bool
) -> tuple[Floats, int, bool, Point]:
    """Maximise a log-likelihood from 0.

    Parameters
    ----------
    likelihood : LogLikelihood
    max_iter : int
    tol : float
        The search ends after a step with a smaller expected gain.
    bounded : bool
        Whether a penalty bounds the coefficients. Without one the search also ends where all
        classes are separated: there is no maximum then.

    Returns
    -------
    coef : ndarray, shape (p, k)
    steps : int
    converged : bool
        Whether the last expected gain is below `tol`.
    point : Point
        The likelihood there.

    References
    ----------
    T. Hastie, R. Tibshirani, J. Friedman, *The Elements of Statistical Learning*, 2nd ed., 2009,
    section 4.4.1.
    """
    coef: Floats = np.zeros(likelihood.shape)
    here, steps, gain = likelihood.at(coef), 0, np.inf
    while steps < max_iter and gain >= tol and (bounded or not here.is_separated):
        step = (inverse(here.information) @ here.gradient.ravel()).reshape(coef.shape)
        gain = float((here.gradient * step).sum()) / 2
        # Nobody asks for the information of a penalised likelihood.
        is_known = gain < tol and (bounded or gain < _SETTLED)
        before = here.information
        coef, here = _line_search(likelihood, coef, step, here, not is_known)
        if is_known and not bounded:
            here = replace(here, information=before)
        steps += 1
    return coef, steps, gain < tol, here


def _line_search(
    likelihood: LogLikelihood, coef: Floats, step: Floats, here: Point, curved: bool
) -> tuple[Floats, Point]:
    """Take `step`, halved until the likelihood does not fall; stay if it always does."""
    for halving in range(_MAX_HALVINGS):
        tried = coef + step / 2**halving
        there = likelihood.at(tried, curved)
        if there.value >= here.value - 1e-13 * abs(here.value):
            return tried, there
    return coef, here


def inverse(information: Floats) -> Floats:
    """Pseudo-inverse of a symmetric matrix: 0 along eigenvectors of negligible eigenvalues."""
    scale = np.sqrt(np.diagonal(information))
    scale = 1 / np.where(scale > 0, scale, 1)
    scaled = information * scale * scale[:, None]
    half = inverse_factor(scaled, _MAX_INVERSE)
    if half is not None:
        inverted = half.T @ half
    else:
        values, vectors = np.linalg.eigh(scaled)
        curved = values > _MIN_EIGENVALUE * values.max(initial=0.0)
        inverted = vectors[:, curved] / values[curved] @ vectors[:, curved].T
    return np.asarray(inverted * scale * scale[:, None])
