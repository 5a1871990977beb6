"""Copies and pickles of models.

They hold class and settings of each layer, and each parameter once: a copy has flat buffers of its
own, and a slice is copied without the rest of its model.
"""

from __future__ import annotations

import inspect
from copy import copy
from typing import Any, NamedTuple

from nnaccel.backends import BackendUnavailableError, get_backend, home_of, to_numpy
from nnaccel.layers import Layer
from nnaccel.layers._base import SWITCHES
from nnaccel.layers._composite import Composite
from nnaccel.layers._tree import map_layers
from nnaccel.model.compiled import CompiledNetwork
from nnaccel.network.chain import Network

# Attributes that `remake` restores in another way.
_REMADE = {
    "layers",
    "input_scale",
    "iterations",
    "_names",
    "_parameters",
    "_is_slice",
    "_slots",
    "_scale",
    "_own_steps",
}


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
        "input_scale": copy(model.input_scale),
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
    layers = [_make(recipe) for recipe in kept["layers"]]
    Network.__init__(model, layers, attributes["seed"], attributes["policy"].name)
    vars(model).update(attributes, _slots=None, _scale=kept["scale"], _own_steps=None)
    model.input_scale = kept["input_scale"]
    model.iterations[0] = kept["iterations"]
    model._parameters.home = _runnable(kept["home"])
    if kept["input_shape"] is not None:
        model.build(kept["input_shape"])
        model.set_weights(kept["weights"])
    if kept["slots"] is not None:
        model._slots = model.backend.copy(kept["slots"])


def copy_layers(model: CompiledNetwork) -> list[Layer]:
    """Return new layers with the settings and names of the model's, not built."""
    return [_make(_recipe(layer)) for layer in model.layers]


def copy_weights(source: CompiledNetwork, target: CompiledNetwork) -> None:
    """Copy parameters and states of all layers of `source` to the first layers of `target`."""
    for theirs, ours in zip(source.leaves, target.leaves, strict=False):
        for name, place in ours.arrays.items():
            place[...] = target.backend.asarray(to_numpy(theirs.arrays[name]))


class _Recipe(NamedTuple):
    """What a layer is made of: its settings have recipes where there are layers."""

    kind: type[Layer]
    settings: dict[str, Any]
    name: str
    switches: dict[str, Any]


def _recipe(layer: Layer) -> _Recipe:
    """Return the recipe of a layer."""
    kind, settings = type(layer), layer.config()
    if isinstance(layer, Composite):
        settings = {key: map_layers(value, _recipe) for key, value in settings.items()}
        return _Recipe(kind, settings, layer.name, {})
    try:
        inspect.signature(kind).bind(**settings)
    except TypeError as error:
        raise TypeError(
            f"layer {layer.name!r} cannot be copied: {error}. To fix: return the arguments of "
            f"{kind.__name__} from config()"
        ) from None
    return _Recipe(kind, settings, layer.name, {name: getattr(layer, name) for name in SWITCHES})


def _make(recipe: _Recipe) -> Layer:
    """Return the layer of a recipe."""
    if issubclass(recipe.kind, Composite):
        settings = {key: _with_layers(value) for key, value in recipe.settings.items()}
        layer: Layer = recipe.kind.from_config(settings)
        layer.name = recipe.name
        return layer
    layer = recipe.kind(**recipe.settings)
    layer.name = recipe.name
    for name, value in recipe.switches.items():
        setattr(layer, name, value)
    return layer


def _with_layers(value: Any) -> Any:
    """Return a setting with the layers of the recipes in it."""
    if isinstance(value, _Recipe):
        return _make(value)
    return [_with_layers(item) for item in value] if isinstance(value, list) else value


def _home(model: CompiledNetwork) -> str | None:
    """Backend the model was moved to, else the one that has its arrays if they are not NumPy's."""
    home = model._parameters.home
    return (home_of(model.weights) or None) if home is None and model.built else home


def _runnable(name: str | None) -> str | None:
    """Return the name of a backend, or None if it cannot run here."""
    if name is None:
        return None
    try:
        return get_backend(name).name
    except BackendUnavailableError:
        return None
