"""Compiled networks: a network with loss, optimiser, metrics and the optimiser's state."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, Never, Self

import numpy as np

from nnaccel import optim
from nnaccel._validate import refuse_unknown
from nnaccel.backends import Array, to_numpy
from nnaccel.layers import Layer
from nnaccel.network.chain import Network
from nnaccel.network.input_scales import InputScales
from nnaccel.optim import Optimizer
from nnaccel.optim.loss_scale import LossScale
from nnaccel.training import checkpoint, losses
from nnaccel.training import metrics as counting
from nnaccel.training.communicator import Alone, Communicator
from nnaccel.training.losses import Loss
from nnaccel.training.metrics import Metric
from nnaccel.training.setup import TrainingSetup


class Compiled(NamedTuple):
    """Loss, optimiser and metrics of a compiled model."""

    loss: Loss
    optimizer: Optimizer
    metrics: list[Metric]


class CompiledNetwork(Network):
    """A network that can be compiled, with a state that can be saved and restored.

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

        `fit` ends with it; a loop of your own should. Training goes on from there.

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
        """Return copies of what `fit` would end with now, in the order of `get_weights`.

        Averages where the optimiser keeps them, else the parameters; and the states.
        """
        if self._slots is None or not self.optimizer.use_ema:
            return self.get_weights()
        kept = self.weights.copy()
        self.assign_average_weights()
        found = self.get_weights()
        self.weights[...] = kept
        return found

    def set_weights(self, weights: Sequence[Any]) -> None:
        """Overwrite all parameters and states, in the order of `get_weights`.

        Averages that the optimiser keeps begin anew from there.

        Raises
        ------
        TypeError
            If they are a dict.
        ValueError
            If their number or a shape does not match; nothing is changed then.
        """
        super().set_weights(weights)
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
        """
        self._require_idle("to")
        super().to(name)
        if self._slots is not None:
            self._slots = self.backend.asarray(to_numpy(self._slots))
        return self

    def state(self) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        """Return all arrays and settings, for `Sequential.save`."""
        self._require_built()
        arrays = {name: to_numpy(array) for name, array in self.arrays.items()}
        described: dict[str, Any] = {
            "seed": self.seed,
            "dtype": self.policy.name,
            "input_shape": self.input_shape,
            "layers": checkpoint.describe_layers(self.layers),
            "iterations": int(to_numpy(self.iterations)[0]),
            "epochs": self.epochs,
            "input_scale": self.input_scale.description(),
        }
        if self._compiled is not None:
            described["loss"] = losses.describe(self._compiled.loss)
            described["optimizer"] = checkpoint.describe_optimizer(self._compiled.optimizer)
            described["metrics"] = [counting.describe(m) for m in self._compiled.metrics]
            if self._slots is not None:
                arrays["optimizer"] = to_numpy(self._slots)
            if self._scale is not None:
                arrays["loss_scale"] = to_numpy(self._scale)
        return arrays, described

    def load_state(
        self,
        arrays: Mapping[str, np.ndarray],
        described: Mapping[str, Any],
        custom: Mapping[str, Any] | None = None,
    ) -> None:
        """Restore weights, optimiser and counters from the result of `state`.

        Parameters
        ----------
        arrays, described : mapping
            As returned by `state`.
        custom : mapping of str to object, optional
            The user's losses, optimisers and metrics, by name; those the model is compiled with
            need not be given.
        """
        weights = [arrays[name] for name in self.arrays]
        seed, iterations, epochs = (
            checkpoint.read_count(described, key) for key in ("seed", "iterations", "epochs")
        )
        inputs = type(self.input_scale).from_description(described["input_scale"])
        if isinstance(inputs, InputScales) and len(inputs.scales) != len(self.input_shape):
            raise ValueError(f"input_scale is of other inputs than the {len(self.input_shape)}")
        slots, scale, compiled = None, _scale_in(arrays), self._compiled
        if "loss" in described:
            compiled = self._compiled_as(described, {**self._own_pieces(), **(custom or {})})
            slots = self._slots_in(arrays, compiled.optimizer)
        self.set_weights(weights)  # may fail, and then changes nothing
        self._compiled = compiled
        self._slots, self._scale, self.input_scale = slots, scale, inputs
        self.seed, self.iterations[0], self.epochs = seed, iterations, epochs
        self.bind_layers()

    @staticmethod
    def _compiled_as(described: Mapping[str, Any], custom: Mapping[str, Any]) -> Compiled:
        """Return loss, optimiser and metrics from their description in a file."""
        settings = described["optimizer"]
        try:
            return Compiled(
                losses.from_description(described["loss"], custom),
                optim.from_config(settings["name"], settings["config"], custom),
                counting.get_all(described["metrics"], custom),
            )
        except ValueError as error:
            raise checkpoint.CheckpointError(
                f"{error} To fix: pass your own in custom_objects, or load with compile=False"
            ) from None

    def _own_pieces(self) -> dict[str, Any]:
        """Return the model's loss, optimiser and metrics, by name."""
        if self._compiled is None:
            return {}
        loss, optimizer, metrics = self._compiled
        pieces: dict[str, Any] = {optim.name_of(type(optimizer)): type(optimizer), loss.name: loss}
        return pieces | {metric.name: metric for metric in metrics}

    def _slots_in(self, arrays: Mapping[str, np.ndarray], optimizer: Optimizer) -> Array | None:
        """Return the optimiser's state in `arrays`, on the model's backend; None without one."""
        if "optimizer" not in arrays:
            return None
        slots, wanted = arrays["optimizer"], (len(optimizer.buffers), self.weights.size)
        if slots.shape != wanted:
            raise checkpoint.CheckpointError(
                f"the optimizer's state has shape {slots.shape}; expected {wanted}"
            )
        return self.backend.asarray(slots, self.dtype)

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


def _scale_in(arrays: Mapping[str, np.ndarray]) -> np.ndarray | None:
    """Return the state of the loss scale in `arrays`; None if there is none."""
    scale = arrays.get("loss_scale")
    if scale is not None and not (scale.shape == (2,) and scale[0] > 0 and np.isfinite(scale[0])):
        raise checkpoint.CheckpointError(
            f"the loss scale has shape {scale.shape}, beginning with {scale.ravel()[:1]}; expected "
            "two numbers: a factor above 0, and the steps since it changed"
        )
    return scale
