"""Layers that hold layers, as a tree: its nodes by path, its leaves, and what is trained."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from nnaccel.layers._base import Layer


def walk(layers: Sequence[Layer], prefix: str = "") -> Iterator[tuple[str, Layer]]:
    """Yield every layer with its path, such as 'residual/conv2d': one that holds others first."""
    for layer in layers:
        path = prefix + layer.name
        yield path, layer
        for branch in layer._branches:
            yield from walk(branch, f"{path}/")


def indented(path: str) -> str:
    """Return the last name of a path, indented by how deep it lies."""
    return "  " * path.count("/") + path.rpartition("/")[2]


def leaves(layers: Sequence[Layer]) -> list[Layer]:
    """Return the layers that hold no others, in order: those with parameters."""
    found = []
    for layer in layers:
        if layer._branches:
            for branch in layer._branches:
                found += leaves(branch)
        else:
            found.append(layer)
    return found


def map_layers(value: Any, change: Callable[[Layer], Any]) -> Any:
    """Return a setting with `change` done to each layer in it, or in lists in it."""
    if isinstance(value, Layer):
        return change(value)
    return [map_layers(item, change) for item in value] if isinstance(value, list) else value


class OfAllInside:
    """A setting of all layers that a thing has as `leaves`: set for each, read if they agree."""

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    def __get__(self, thing: Any, owner: type | None = None) -> Any:
        if thing is None:
            return self
        values = {getattr(layer, self._name) for layer in thing.leaves}
        if len(values) != 1:
            told = ", ".join(map(str, sorted(values)))
            raise ValueError(f"{self._name} differs among the layers inside: {told or 'none'}")
        return values.pop()

    def __set__(self, thing: Any, value: Any) -> None:
        for layer in thing.leaves:
            setattr(layer, self._name, value)


def is_live(layer: Layer) -> bool:
    """Whether training changes parameters of the layer, or of one inside."""
    if layer._branches:
        return any(is_live(inner) for branch in layer._branches for inner in branch)
    return bool(layer.params) and layer.trainable
