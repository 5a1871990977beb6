"""Layers and shapes of a model as its file describes them, in JSON."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from nnaccel import layers
from nnaccel._text import shorten
from nnaccel._validate import unknown_name
from nnaccel.layers import Layer
from nnaccel.layers._base import SWITCHES
from nnaccel.layers._composite import MOST_DEPTH, Composite
from nnaccel.layers._tree import map_layers
from nnaccel.training.checkpoint import CheckpointError

_MOST_NUMBERS = 2**31  # in one input of a model, or one output of a layer
_LAYERS = {
    name: kind
    for name, kind in vars(layers).items()
    if isinstance(kind, type) and issubclass(kind, Layer) and kind is not Layer
}


def describe_layers(chain: list[Layer]) -> list[dict[str, Any]]:
    """Return class name and settings of each layer, as JSON values."""
    return [_describe_layer(layer) for layer in chain]


def _describe_layer(layer: Layer) -> dict[str, Any]:
    config = {key: map_layers(value, _describe_layer) for key, value in layer.config().items()}
    described: dict[str, Any] = {"class": type(layer).__name__, "config": config}
    if "name" not in described["config"]:
        described["name"] = layer.name
    if not isinstance(layer, Composite):  # whose layers tell it
        now = {name: getattr(layer, name) for name in SWITCHES}
        described |= {name: value for name, value in now.items() if value != SWITCHES[name]}
    return described


def make_layers(
    described: list[dict[str, Any]], custom: Mapping[str, type[Layer]] | None = None
) -> list[Layer]:
    """Return layers from the result of `describe_layers`.

    Parameters
    ----------
    described : list of dict
    custom : dict of str to type, optional
        The user's layer classes, by name.

    Raises
    ------
    CheckpointError
        If a class is unknown or a setting is not one of its arguments.
    """
    known = {**_LAYERS, **(custom or {})}
    return [_make_layer(entry, known, 0) for entry in described]


def _make_layer(entry: dict[str, Any], known: Mapping[str, type[Layer]], level: int) -> Layer:
    """Return a layer that lies this many layers deep."""
    if level > MOST_DEPTH:
        raise CheckpointError(f"its layers within layers are more than {MOST_DEPTH} deep")
    kind = known.get(entry["class"])
    if kind is None:
        hint = "; pass a layer of your own in custom_objects"
        raise CheckpointError(unknown_name("layer", entry["class"], list(known)) + hint)

    def with_layers(value: Any) -> Any:
        """A setting whose layers are made of their descriptions."""
        if isinstance(value, dict):
            return _make_layer(value, known, level + 1)
        return [with_layers(item) for item in value] if isinstance(value, list) else value

    config = entry["config"]
    try:
        if issubclass(kind, Composite):
            layer: Layer = kind.from_config({k: with_layers(v) for k, v in config.items()})
        else:
            layer = kind(**config)
        layer.name = str(entry.get("name", layer.name))
        if not isinstance(layer, Composite):  # whose layers have been told
            for switch, default in SWITCHES.items():
                setattr(layer, switch, entry.get(switch, default))
    except CheckpointError:
        raise
    except (TypeError, ValueError) as error:
        raise CheckpointError(f"layer {entry['class']}: {error}") from None
    return layer


def read_input_shape(described: Mapping[str, Any]) -> tuple[Any, ...]:
    """Return the shape of a model's input, or of several; CheckpointError for anything else."""
    given = described["input_shape"]
    if isinstance(given, list) and given and isinstance(given[0], list):  # of several inputs
        return tuple(_read_shape(shape) for shape in given)
    return _read_shape(given)


def _read_shape(shape: Any) -> tuple[int, ...]:
    """Return the shape of an input; CheckpointError for what is none."""
    if not (isinstance(shape, list) and all(type(n) is int and n > 0 for n in shape)):
        raise CheckpointError(
            f"input_shape={shorten(repr(shape))} must be a list of whole numbers of at least 1"
        )
    if math.prod(shape) > _MOST_NUMBERS:
        raise CheckpointError(
            f"input_shape={shorten(repr(shape))} has more than {_MOST_NUMBERS:,} numbers"
        )
    return tuple(shape)


def check_shapes(
    chain: list[Layer],
    input_shape: tuple[int, ...],
    arrays: dict[str, np.ndarray],
    prefix: str = "",
) -> None:
    """Raise a CheckpointError unless `arrays` has each layer's arrays, in the right shapes."""
    shape = input_shape
    for layer in chain:
        path = prefix + layer.name
        if isinstance(layer, Composite):
            starts = layer.starts_for(shape)
            for branch, start in zip(layer.branches_for(shape), starts, strict=True):
                check_shapes(branch, start, arrays, f"{path}/")
        specs = {**layer.parameter_specs(shape), **layer.state_specs(shape)}
        for name, (wanted, _) in specs.items():
            found = arrays.get(f"{path}.{name}")
            if found is None or found.shape != wanted:
                what = "is missing" if found is None else f"has shape {found.shape}"
                raise CheckpointError(f"{path}.{name} {what}; expected shape {wanted}")
        shape = layer.infer_shape(shape)
        if math.prod(shape) > _MOST_NUMBERS:
            raise CheckpointError(
                f"layer {path!r} gives {shorten(repr(shape))}, more than {_MOST_NUMBERS:,} numbers"
            )
