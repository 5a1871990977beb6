"""Copies and pickles of models.

They hold class and settings of each layer, and each parameter once: a copy has flat buffers of its
own, and a slice is copied without the rest of its model.
"""

from __future__ import annotations

import inspect
from typing import Any

from nnaccel.backends import BackendUnavailableError, get_backend, is_cupy, to_numpy
from nnaccel.layers import Layer
from nnaccel.model.compiled import CompiledNetwork
from nnaccel.network.chain import Network

# Attributes that `remake` restores in another way.
_REMADE = {"layers", "iterations", "_names", "_parameters", "_is_slice", "_slots", "_scale"}


def contents(model: CompiledNetwork) -> dict[str, Any]:
    """Return the contents of a copy of the model, with arrays on the host.

    Raises
    ------
    TypeError
        If a layer's `config` does not return the arguments of its class.
    """
    return {
        "layers": [_recipe(layer) for layer in model.layers],
        "attributes": {k: v for k, v in vars(model).items() if k not in _REMADE},
        "iterations": int(to_numpy(model.iterations)[0]),
        "input_shape": model.input_shape if model.built else None,
        "weights": model.get_weights() if model.built else [],
        "slots": None if model._slots is None else to_numpy(model._slots),
        "scale": None if model._scale is None else to_numpy(model._scale),
        "home": _home(model),
    }


def remake(model: CompiledNetwork, kept: dict[str, Any]) -> None:
    """Initialise an empty model from the result of `contents`.

    Its backend is that of the original, or the current one where that cannot run.
    """
    attributes = kept["attributes"]
    layers = [_make(*recipe) for recipe in kept["layers"]]
    Network.__init__(model, layers, attributes["seed"], attributes["policy"].name)
    vars(model).update(attributes, _slots=None, _scale=kept["scale"])
    model.iterations[0] = kept["iterations"]
    model._parameters.home = _runnable(kept["home"])
    if kept["input_shape"] is not None:
        model.build(kept["input_shape"])
        model.set_weights(kept["weights"])
    if kept["slots"] is not None:
        model._slots = model.backend.copy(kept["slots"])


def copy_layers(model: CompiledNetwork) -> list[Layer]:
    """Return new layers with the settings and names of the model's, not built."""
    return [_make(*_recipe(layer)) for layer in model.layers]


def copy_weights(source: CompiledNetwork, target: CompiledNetwork) -> None:
    """Copy parameters and states of all layers of `source` to the first layers of `target`."""
    for theirs, ours in zip(source.layers, target.layers, strict=False):
        for name, place in ours.arrays.items():
            place[...] = target.backend.asarray(to_numpy(theirs.arrays[name]))


def _recipe(layer: Layer) -> tuple[type[Layer], dict[str, Any], str, bool]:
    """Return class and settings of a layer, its name, and whether it is trainable."""
    kind, settings = type(layer), layer.config()
    try:
        inspect.signature(kind).bind(**settings)
    except TypeError as error:
        raise TypeError(
            f"layer {layer.name!r} cannot be copied: {error}. To fix: return the arguments of "
            f"{kind.__name__} from config()"
        ) from None
    return kind, settings, layer.name, layer.trainable


def _make(kind: type[Layer], settings: dict[str, Any], name: str, trainable: bool) -> Layer:
    """Return a layer that `_recipe` described."""
    layer = kind(**settings)
    layer.name, layer.trainable = name, trainable
    return layer


def _home(model: CompiledNetwork) -> str | None:
    """Backend the model was moved to, or 'cupy' if its arrays are on a device."""
    home = model._parameters.home
    return "cupy" if home is None and model.built and is_cupy(model.weights) else home


def _runnable(name: str | None) -> str | None:
    """Return the name of a backend, or None if it cannot run here."""
    if name is None:
        return None
    try:
        return get_backend(name).name
    except BackendUnavailableError:
        return None
