"""The mean loss of a generalised linear model with its gradient, and descent along it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from nnaccel import ops
from nnaccel.backends import get_backend, to_numpy
from nnaccel.training.loop import DivergenceError

Floats = NDArray[np.float64]

#: Steps between two looks at the gradient: few enough to stop soon, enough to look seldom.
_CHUNK = 100
#: Most that a loss curves along its input.
_CURVATURE = {"mse": 1.0, "sigmoid_cross_entropy": 0.25, "softmax_cross_entropy": 0.5}


class Objective:
    """Mean loss over weighted rows, a ridge penalty, and their gradient.

    The gradient is ``x.T @ (weights * (prediction - y)) / N`` for each of the losses: this is what
    least squares, logistic and softmax regression have in common.

    Parameters
    ----------
    loss : {'mse', 'sigmoid_cross_entropy', 'softmax_cross_entropy'}
        A kernel; half of the squares are counted.
    x : ndarray, shape (N, p)
        float64. Where `intercept` is true its first column is 1.
    y : ndarray, shape (N, k)
    weights : ndarray, shape (N,)
        Of mean 1.
    coef : ndarray, shape (p, k)
        Where to start.
    ridge : float
        Half of it times the squares of the coefficients, but for the intercept's, is added.
    intercept : bool
    """

    def __init__(
        self,
        loss: str,
        x: Floats,
        y: Floats,
        weights: Floats,
        coef: Floats,
        ridge: float,
        intercept: bool,
    ) -> None:
        self._backend = get_backend()
        copy = self._backend.copy
        # A kernel's mean goes over the outputs too, and its squares are not halved.
        scale = y.shape[1] / 2 if loss == "mse" else 1.0
        factors = scale * weights
        self._x = self._backend.asarray(np.ascontiguousarray(x))
        self._weighted = self._x if (factors == 1).all() else copy(x * factors[:, None])
        self._y, self._weights, self._ridge = copy(y), copy(factors), ridge
        self._is_bounded, self._curvature = loss != "mse", _CURVATURE[loss] / scale
        self._kernel = getattr(self._backend.kernels, loss)
        self._coef, self._gradient = copy(coef), copy(np.zeros(coef.shape))
        self._losses, self._errors = copy(np.zeros(len(x))), copy(np.zeros(y.shape))
        self._penalised = slice(coef.shape[1] if intercept else 0, None)
        self._replay = self._backend.record(self._differentiate)

    def __call__(self, coef: Floats) -> tuple[float, Floats]:
        """Return the mean loss and its gradient, both of flat `coef`."""
        self._coef[...] = self._backend.asarray(coef.reshape(self._coef.shape))
        self._replay(1)
        penalised = coef.ravel()[self._penalised]
        mean = float((self._losses * self._weights).sum()) / len(self._losses)
        return mean + self._ridge / 2 * float(penalised @ penalised), self.gradient.ravel()

    @property
    def coef(self) -> Floats:
        """Coefficients now."""
        return np.array(to_numpy(self._coef))

    @property
    def gradient(self) -> Floats:
        """Gradient where it was last found."""
        return np.array(to_numpy(self._gradient))

    def descend(self, learning_rate: float, max_iter: int, tol: float) -> tuple[int, bool]:
        """Step down the gradient until no part of it exceeds `tol`, or `max_iter` times.

        Parameters
        ----------
        learning_rate : float
            Times the gradient, the length of a step.
        max_iter : int
        tol : float
            Looked at after every 100 steps.

        Returns
        -------
        steps : int
            How many were made.
        converged : bool
            Whether the gradient is within `tol`.

        Raises
        ------
        DivergenceError
            If the coefficients grew beyond all bounds.
        """
        flat = self._coef.reshape(-1), self._gradient.reshape(-1)
        copy = self._backend.copy
        rates, first = copy(np.array([learning_rate])), copy(np.zeros(1, np.int64))

        def step() -> None:
            self._differentiate()
            self._backend.kernels.sgd(*flat, rates, first)

        self(self.coef.ravel())
        # Squares make the gradient longer with every step that is too long; other losses' gradients
        # have a bound, and may rise on the way down.
        bound = np.inf if self._is_bounded else 2 * float(np.linalg.norm(self.gradient)) + 1e-6
        replay, steps, converged = self._backend.record(step), 0, False
        while steps < max_iter and not converged:
            count = min(_CHUNK, max_iter - steps)
            with np.errstate(all="ignore"):
                replay(count)
                steepness = float(np.linalg.norm(self.gradient))
            steps += count
            if not steepness <= bound or not np.isfinite(self.coef).all():
                raise DivergenceError(
                    f"gradient descent diverged within {steps} steps of learning_rate="
                    f"{learning_rate:g}: for these data give one below {self._steepest():.2g}, or "
                    "bring the variables to one scale first, as "
                    "sklearn.preprocessing.StandardScaler does"
                )
            converged = bool(np.abs(self.gradient).max(initial=0.0) <= tol)
        return steps, converged

    def _steepest(self) -> float:
        """Learning rate from which descent may diverge: 2 over the largest curvature."""
        hessian = to_numpy(self._x.T @ self._weighted) / len(self._losses)
        largest = float(np.linalg.eigvalsh(hessian).max())
        return 2 / (largest * self._curvature + self._ridge)

    def _differentiate(self) -> None:
        """Find losses and gradient, by kernels alone, so that it can be recorded."""
        kernels = self._backend.kernels
        self._kernel(ops.linear(self._x, self._coef), self._y, self._losses, self._errors)
        out = self._gradient, None
        ops.linear_backward(self._errors, self._weighted, self._coef, input_gradient=False, out=out)
        if self._ridge:
            w, dw = self._coef.reshape(-1), self._gradient.reshape(-1)
            kernels.add_penalty(w[self._penalised], 0.0, self._ridge / 2, dw[self._penalised])
