"""The base class of network regressors: responses as columns, squared errors, R squared."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import MultiOutputMixin, RegressorMixin
from sklearn.metrics import r2_score
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import column_or_1d

from nnaccel.estimators import _checked
from nnaccel.estimators._hidden import activation_of
from nnaccel.estimators._network import NetworkEstimator


class RegressorNetwork(MultiOutputMixin, RegressorMixin, NetworkEstimator):
    """A network for one or several responses."""

    @available_if(NetworkEstimator._takes_batches)
    def partial_fit(
        self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None
    ) -> Self:
        """Train for one epoch on these rows.

        Parameters
        ----------
        X, y, sample_weight : array_like
            As for `fit`.

        Returns
        -------
        self
        """
        self._partial_fit(X, y, sample_weight)
        return self

    def predict(self, X: ArrayLike) -> NDArray[np.floating]:
        """Return predictions, shape (N,) or (N, k).

        Parameters
        ----------
        X : array_like
            As for `fit`.
        """
        outputs = self._predicted(X)
        return outputs[:, 0] if outputs.shape[1] == 1 else outputs

    def _encode(self, y: NDArray[Any], known: Any) -> NDArray[Any]:
        """Return the responses with a column each."""
        if self.class_weight is not None:
            raise ValueError("class_weight is for classes: give sample_weight to fit instead")
        y = column_or_1d(y, warn=True) if y.ndim == 2 and y.shape[1] == 1 else y
        targets = np.asarray(y[:, None] if y.ndim == 1 else y, np.float64)
        self._units = targets.shape[1]
        return targets

    def _ending(self) -> tuple[str, str, int]:
        """Return the last activation, nnaccel's name of the loss, and the number of outputs."""
        _checked.choice("loss", self.loss, ("auto", "squared_error"))
        activation = "linear" if self.output_activation == "auto" else self.output_activation
        return activation_of(activation), "mse", self._units

    def _loss_factor(self) -> float:
        """Factor from the mean over outputs to half of their sum, whose gradient is the error."""
        return float(self._units) / 2

    def _score(
        self, outputs: NDArray[Any], targets: NDArray[Any], weights: NDArray[np.float64] | None
    ) -> float:
        """R squared, averaged over outputs."""
        return float(r2_score(targets, outputs, sample_weight=weights))

    def _strata(self, targets: NDArray[Any]) -> None:
        return None
