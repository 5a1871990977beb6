"""The base class of multi-layer perceptrons."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnaccel.backends import to_numpy
from nnaccel.estimators._hidden import dense_layers
from nnaccel.estimators._network import NetworkEstimator
from nnaccel.layers import Layer
from nnaccel.optim import Optimizer


class MLP(NetworkEstimator):
    """A network of dense layers, with the parameters of `MLPClassifier`."""

    def __init__(
        self,
        hidden_layer_sizes: int | Sequence[int] = (100,),
        activation: str = "relu",
        *,
        solver: str | Optimizer = "adam",
        alpha: float = 0.0001,
        l1: float = 0.0,
        dropout: float = 0.0,
        batch_size: int | str = "auto",
        learning_rate: str = "constant",
        learning_rate_init: float = 0.001,
        power_t: float = 0.5,
        max_iter: int = 200,
        shuffle: bool = True,
        random_state: int | np.random.RandomState | None = None,
        tol: float = 1e-4,
        verbose: bool = False,
        warm_start: bool = False,
        momentum: float = 0.9,
        nesterovs_momentum: bool = True,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-8,
        n_iter_no_change: int = 10,
        loss: str = "auto",
        output_activation: str = "auto",
        class_weight: Any = None,
        max_fun: int = 15000,
    ) -> None:
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.solver = solver
        self.alpha = alpha
        self.l1 = l1
        self.dropout = dropout
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.learning_rate_init = learning_rate_init
        self.power_t = power_t
        self.max_iter = max_iter
        self.shuffle = shuffle
        self.random_state = random_state
        self.tol = tol
        self.verbose = verbose
        self.warm_start = warm_start
        self.momentum = momentum
        self.nesterovs_momentum = nesterovs_momentum
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.beta_1 = beta_1
        self.beta_2 = beta_2
        self.epsilon = epsilon
        self.n_iter_no_change = n_iter_no_change
        self.loss = loss
        self.output_activation = output_activation
        self.class_weight = class_weight
        self.max_fun = max_fun

    @property
    def coefs_(self) -> list[NDArray[Any]]:
        """Weights of each layer, shape (in, out)."""
        return [to_numpy(layer.params["w"]).copy() for layer in self._weighted()]

    @property
    def intercepts_(self) -> list[NDArray[Any]]:
        """Biases of each layer, shape (out,)."""
        return [to_numpy(layer.params["b"]).copy() for layer in self._weighted()]

    def _weighted(self) -> list[Layer]:
        if not hasattr(self, "model_"):
            raise AttributeError("there are no weights before fit")
        return [layer for layer in self.model_.layers if layer.params]

    def _as_rows(self, X: Any) -> tuple[Any, tuple[int, ...]]:
        return X, ()

    def _checks(self) -> dict[str, Any]:
        """Rows of numbers: float32 stays, everything else becomes float64."""
        return {"dtype": (np.float64, np.float32)}

    def _shaped(self, x: NDArray[Any], shape: tuple[int, ...]) -> NDArray[Any]:
        return x

    def _hidden_layers(self, input_shape: tuple[int, ...]) -> list[Layer]:
        return dense_layers(self.hidden_layer_sizes, self.activation, self.dropout)
