"""The state of a compiled network, as arrays and JSON values, to save it and to go on with it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from nnaccel.backends import Array, to_numpy
from nnaccel.model.compiled import CompiledNetwork
from nnaccel.model.pieces import Compiled
from nnaccel.network.input_scales import InputScales
from nnaccel.optim import Optimizer
from nnaccel.training.checkpoint import CheckpointError, read_count
from nnaccel.training.layer_descriptions import describe_layers


class Restorable(CompiledNetwork):
    """A compiled network whose state can be saved, to go on with it later."""

    def state(self) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        """Return all arrays and settings, for `Sequential.save`."""
        self._require_built()
        arrays = {name: to_numpy(array) for name, array in self.arrays.items()}
        described: dict[str, Any] = {
            "seed": self.seed,
            "dtype": self.policy.name,
            "input_shape": self.input_shape,
            "layers": describe_layers(self.layers),
            "iterations": int(to_numpy(self.iterations)[0]),
            "epochs": self.epochs,
            "input_scale": self.input_scale.description(),
        }
        if self._compiled is not None:
            described |= self._compiled.describe()
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

        Raises
        ------
        KeyError, ValueError
            If they are not whole, or of another model; nothing is changed then.
        """
        weights = [arrays[name] for name in self.arrays]
        counts = (read_count(described, key) for key in ("seed", "iterations", "epochs"))
        seed, iterations, epochs = counts
        inputs = type(self.input_scale).from_description(described["input_scale"])
        if isinstance(inputs, InputScales) and len(inputs.scales) != len(self.input_shape):
            raise ValueError(
                f"input_scale is of {len(inputs.scales)} inputs, not of {len(self.input_shape)}"
            )
        slots, scale, compiled = None, _scale_in(arrays), self._compiled
        if "loss" in described:
            known = {} if compiled is None else compiled.by_name()
            compiled = Compiled.from_description(described, {**known, **(custom or {})})
            slots = _slots_in(arrays, compiled.optimizer, self)
        self.set_weights(weights)  # may fail, and then changes nothing
        self._compiled = compiled
        self._slots, self._scale, self.input_scale = slots, scale, inputs
        self.seed, self.iterations[0], self.epochs = seed, iterations, epochs
        self.bind_layers()


def _slots_in(
    arrays: Mapping[str, np.ndarray], optimizer: Optimizer, model: CompiledNetwork
) -> Array | None:
    """Return the optimiser's state in `arrays`, on the model's backend; None without one."""
    if "optimizer" not in arrays:
        return None
    slots, wanted = arrays["optimizer"], (len(optimizer.buffers), model.weights.size)
    if slots.shape != wanted:
        raise CheckpointError(f"the optimizer's state has shape {slots.shape}; expected {wanted}")
    return model.backend.asarray(slots, model.dtype)


def _scale_in(arrays: Mapping[str, np.ndarray]) -> np.ndarray | None:
    """Return the state of the loss scale in `arrays`; None if there is none."""
    scale = arrays.get("loss_scale")
    if scale is not None and not (scale.shape == (2,) and scale[0] > 0 and np.isfinite(scale[0])):
        raise CheckpointError(
            f"the loss scale has shape {scale.shape}, beginning with {scale.ravel()[:1]}; expected "
            "two numbers: a factor above 0, and the steps since it changed"
        )
    return scale
