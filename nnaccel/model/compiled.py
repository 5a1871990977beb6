"""Compiled networks: a network with loss, optimiser, metrics and the optimiser's state."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Never, Self

import numpy as np

from nnaccel import optim
from nnaccel._validate import refuse_unknown
from nnaccel.backends import Array, get_backend, to_numpy
from nnaccel.layers import Layer
from nnaccel.model.pieces import Compiled
from nnaccel.network.chain import Network
from nnaccel.optim import Optimizer
from nnaccel.optim.loss_scale import LossScale
from nnaccel.training import losses
from nnaccel.training import metrics as counting
from nnaccel.training.communicator import Alone, Communicator
from nnaccel.training.losses import Loss
from nnaccel.training.setup import TrainingSetup


class CompiledNetwork(Network):
    """A network that can be compiled.

    Attributes
    ----------
    loss : Loss or None
        None before `compile`.
    metrics : list of str
        Names of the metrics.
    """

    def __init__(self, layers: Sequence[Layer], seed: int | None, dtype: Any) -> None:
        super().__init__(layers, seed, dtype)
        self._compiled: Compiled | None = None
        self._slots: Array | None = None
        self._scale: Array | None = None  # state of the loss scale

    @property
    def loss(self) -> Loss | None:
        """The loss the model was compiled with; None before."""
        return None if self._compiled is None else self._compiled.loss

    @property
    def metrics(self) -> list[str]:
        """Names of the metrics the model was compiled with."""
        return [] if self._compiled is None else [m.name for m in self._compiled.metrics]

    @property
    def optimizer(self) -> Optimizer:
        """The optimiser the model was compiled with."""
        return self._require_compiled().optimizer

    @property
    def loss_scale(self) -> float | None:
        """The factor on gradients in training; None without scaling, or before a training."""
        return None if self._scale is None else float(to_numpy(self._scale)[0])

    def compile(
        self,
        loss: str | Loss | Callable[..., Any] = "categorical_crossentropy",
        optimizer: str | Optimizer = "rmsprop",
        metrics: Any = (),
        **unknown: Never,
    ) -> None:
        """Set loss, optimiser and metrics; reset the optimiser's state.

        Parameters
        ----------
        loss : str, Loss or callable
            A key of `nnaccel.losses.LOSSES`, such as 'mse' or 'categorical_crossentropy'; an
            object such as ``nn.losses.Huber(2.0)``; or a function of (outputs, targets) that
            returns the loss of each row, (N,), and each row's own gradient, shaped like outputs.
        optimizer : str or Optimizer
            A key of `nnaccel.optim.OPTIMIZERS`, such as 'adam'; or an object.
        metrics : str, Metric, callable, or a sequence of them
            A key of `nnaccel.metrics.METRICS`, such as 'accuracy'; an object; or a function of
            (outputs, targets) that returns a value for each row.

        Raises
        ------
        ValueError
            If a name is unknown; the message has the nearest match.
        RuntimeError
            If the model is being trained.

        Examples
        --------
        >>> import nnaccel as nn
        >>> model = nn.Sequential([nn.Dense(3, "softmax")])
        >>> model.compile("categorical_crossentropy", nn.optim.Adam(0.01), ["accuracy"])
        >>> model.loss, model.metrics
        (CategoricalCrossentropy(from_logits=False, label_smoothing=0.0), ['accuracy'])
        """
        self._require_idle("compile")
        refuse_unknown(self.compile, unknown)
        if isinstance(loss, Optimizer) or str(loss).lower() in optim.OPTIMIZERS:
            meant = repr(optimizer) if optimizer in losses.LOSSES else "…"
            raise ValueError(
                f"the loss comes first here, and {loss!r} is an optimizer. To fix: "
                f"compile(loss={meant}, optimizer={loss!r})"
            )
        self._compiled = Compiled(losses.get(loss), optim.get(optimizer), counting.get_all(metrics))
        self._slots = self._scale = None
        self.iterations[0] = 0

    def assign_average_weights(self) -> None:
        """Set all parameters to the averages that an optimiser with ``use_ema=True`` keeps.

        `fit` does so at its end, and a loop of your own should. Training goes on from them.

        Raises
        ------
        ValueError
            If the optimiser keeps no averages.
        """
        optimizer = self._require_compiled().optimizer
        if not optimizer.use_ema:
            raise ValueError(
                "there are no average weights: compile with use_ema=True, as in Adam(use_ema=True)"
            )
        if self._slots is not None:
            self.weights[...] = self._slots[optimizer.buffers.index("average")]

    def final_weights(self) -> list[np.ndarray]:
        """Return copies of the arrays that `fit` would end with now, as `get_weights` does.

        The parameters are averages where the optimiser keeps them.
        """
        if self._slots is None or not self.optimizer.use_ema:
            return self.get_weights()
        kept = self.weights.copy()
        self.assign_average_weights()
        found = self.get_weights()
        self.weights[...] = kept
        return found

    def get_weights(self) -> list[np.ndarray]:
        """Return copies of all parameters and states, layer by layer, as NumPy arrays.

        Examples
        --------
        >>> import nnaccel as nn
        >>> model = nn.Sequential([nn.Dense(2), nn.Dense(1, use_bias=False)])
        >>> model.build((3,))
        >>> [array.shape for array in model.get_weights()]
        [(3, 2), (2,), (2, 1)]
        """
        self._require_built()
        return [to_numpy(array).copy() for array in self.arrays.values()]

    def set_weights(self, weights: Sequence[Any]) -> None:
        """Overwrite all parameters and states, in the order of `get_weights`.

        Averages that the optimiser keeps begin anew from there.

        Parameters
        ----------
        weights : sequence of array_like
            Of the shapes of `get_weights`.

        Raises
        ------
        RuntimeError
            If the model is not built.
        TypeError
            If they are a dict.
        ValueError
            If their number or a shape does not match; nothing is changed then.
        """
        self._require_built()
        if isinstance(weights, Mapping):
            raise TypeError(
                "set_weights takes the list of get_weights(): give a state dict to load_weights"
            )
        places = self.arrays
        if len(weights) != len(places):
            raise ValueError(
                f"{len(weights)} arrays given, but get_weights() returns {len(places)}"
            )
        arrays = [np.asarray(to_numpy(w), self.dtype) for w in weights]
        for (name, place), array in zip(places.items(), arrays, strict=True):
            if array.shape != place.shape:
                raise ValueError(
                    f"{name} has shape {place.shape}, but the given array has {array.shape}"
                )
        for place, array in zip(places.values(), arrays, strict=True):
            place[...] = self.backend.asarray(array)
        self._begin_average()

    def _begin_average(self) -> None:
        """Let the average of the parameters be the parameters."""
        if self._slots is not None and self.optimizer.use_ema:
            self._slots[self.optimizer.buffers.index("average")] = self.weights

    def to(self, name: str) -> Self:
        """Move parameters and optimiser state to a backend, and run there from now on.

        Parameters
        ----------
        name : str
            As for `nnaccel.set_backend`: 'numpy', 'numba', 'cupy', 'torch' or 'auto'.

        Returns
        -------
        Sequential
            The model itself.

        Raises
        ------
        RuntimeError
            If the backend cannot run here, or the model is being trained.

        Examples
        --------
        >>> import nnaccel as nn
        >>> nn.Sequential([nn.Dense(2)]).to("numpy").backend.name
        'numpy'
        """
        self._require_idle("to")
        backend = get_backend(name)
        self.policy.check(backend)
        self._parameters.move(backend)
        if self._slots is not None:
            self._slots = self.backend.asarray(to_numpy(self._slots))
        return self

    def _training_setup(self, comm: Communicator | None = None) -> TrainingSetup:
        """The training setup, with the optimiser's state on the model's backend."""
        compiled = self._require_compiled()
        if self._slots is None:
            self._slots = compiled.optimizer.initial_state(to_numpy(self.weights))
        self._slots = self.backend.asarray(to_numpy(self._slots))
        self.bind_layers()  # a slice with these layers may have been trained since
        scale = None
        if self.policy.scales_loss:
            scale = LossScale(self.backend, self._scale)
            self._scale = scale.state
        return TrainingSetup(self, *compiled, self._slots, scale, comm or Alone())

    @contextlib.contextmanager
    def _training(self, what: str = "fit") -> Iterator[None]:
        """Lock the model and its slices during training by `what`."""
        self._require_idle(what)
        self._parameters.adopt()
        self._parameters.in_training = True
        try:
            yield
        finally:
            self._parameters.in_training = False

    def _require_idle(self, what: str) -> None:
        if self._parameters.in_training:
            raise RuntimeError(f"the model is being trained: call {what} when fit has returned")

    def _require_compiled(self) -> Compiled:
        if self._compiled is None:
            raise RuntimeError("the model is not compiled yet: call compile(loss, optimizer) first")
        return self._compiled
