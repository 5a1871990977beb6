"""The mean loss of a generalised linear model, its gradient, and gradient descent."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from nnaccel import ops
from nnaccel.backends import get_backend, to_numpy
from nnaccel.training.divergence import DivergenceError
from nnaccel.training.losses import (
    BinaryCrossentropy,
    CategoricalCrossentropy,
    KernelLoss,
    MeanSquaredError,
)
from nnaccel_kernels.segments import Segment

Floats = NDArray[np.float64]

#: Steps between two checks of the gradient.
_CHUNK = 100
#: Largest second derivative of a loss along its outputs.
_CURVATURE: dict[type[KernelLoss], float] = {
    MeanSquaredError: 1.0,
    BinaryCrossentropy: 0.25,
    CategoricalCrossentropy: 0.5,
}


class Objective:
    """Mean loss over weighted rows, a ridge penalty, and their gradient.

    The gradient is ``x.T @ (weights * (prediction - y)) / N`` for each of the losses: least
    squares, logistic and softmax regression have it in common.

    Parameters
    ----------
    loss : MeanSquaredError, BinaryCrossentropy or CategoricalCrossentropy
        Half of the squares, or cross-entropies of logits.
    x : ndarray, shape (N, p)
        float64; with an intercept the first column is 1.
    y : ndarray, shape (N, k)
    weights : ndarray, shape (N,)
        Weights of mean 1.
    coef : ndarray, shape (p, k)
        Initial coefficients.
    ridge : float
        Half of it times the squares of the coefficients, without the intercept's, is added.
    intercept : bool
    """

    def __init__(
        self,
        loss: KernelLoss,
        x: Floats,
        y: Floats,
        weights: Floats,
        coef: Floats,
        ridge: float,
        intercept: bool,
    ) -> None:
        self._backend = get_backend()
        copy = self._backend.copy
        # The mean squared error is a mean over outputs, and its squares are not halved.
        is_squared = isinstance(loss, MeanSquaredError)
        scale = y.shape[1] / 2 if is_squared else 1.0
        factors = scale * weights
        self._x = self._backend.asarray(np.ascontiguousarray(x))
        self._weighted = self._x if (factors == 1).all() else copy(x * factors[:, None])
        self._y, self._weights, self._ridge = copy(y), copy(factors), ridge
        self._is_bounded, self._curvature = not is_squared, _CURVATURE[type(loss)] / scale
        self._loss = loss
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
        """The current coefficients."""
        return np.array(to_numpy(self._coef))

    @property
    def gradient(self) -> Floats:
        """The last gradient."""
        return np.array(to_numpy(self._gradient))

    def descend(self, learning_rate: float, max_iter: int, tol: float) -> tuple[int, bool]:
        """Step down the gradient until no component exceeds `tol`, or `max_iter` times.

        Parameters
        ----------
        learning_rate : float
            Factor of the gradient in a step.
        max_iter : int
        tol : float
            Checked after every 100 steps.

        Returns
        -------
        steps : int
            Number of steps.
        converged : bool
            Whether the gradient is within `tol`.

        Raises
        ------
        DivergenceError
            If the coefficients or the gradient grow without bound.
        """
        flat = self._coef.reshape(-1), self._gradient.reshape(-1)
        copy = self._backend.copy
        rates, first = copy(np.array([learning_rate])), copy(np.zeros(1, np.int64))

        def step() -> None:
            self._differentiate()
            self._backend.kernels.sgd(*flat, (Segment(0, flat[0].size),), rates, first)

        self(self.coef.ravel())
        # With too large a rate the gradient of squares grows at every step; the gradients of the
        # other losses are bounded, and may grow in a descent that converges.
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
                    "standardise the variables first, as sklearn.preprocessing.StandardScaler does"
                )
            converged = bool(np.abs(self.gradient).max(initial=0.0) <= tol)
        return steps, converged

    def _steepest(self) -> float:
        """Learning rate above which descent may diverge: 2 over the largest curvature."""
        hessian = to_numpy(self._x.T @ self._weighted) / len(self._losses)
        largest = float(np.linalg.eigvalsh(hessian).max())
        return 2 / (largest * self._curvature + self._ridge)

    def _differentiate(self) -> None:
        """Compute losses and gradient, by kernels only, so that it can be recorded."""
        kernels, outputs = self._backend.kernels, ops.linear(self._x, self._coef)
        fused = bool(self._loss.fused_activation)
        self._loss.fill(kernels, outputs, self._y, fused, self._losses, self._errors)
        out = self._gradient, None
        ops.linear_backward(self._errors, self._weighted, self._coef, input_gradient=False, out=out)
        if self._ridge:
            w, dw = self._coef.reshape(-1), self._gradient.reshape(-1)
            kernels.add_penalty(w[self._penalised], 0.0, self._ridge / 2, dw[self._penalised])
