"""Names of layers: unique within a model, and in front of a layer's errors."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from typing import Any

from nnaccel._validate import require_printable
from nnaccel.layers._base import Layer


@contextlib.contextmanager
def naming(layer: Layer, hint: str = "") -> Iterator[None]:
    """Put the layer's name in front of its ValueErrors, and a hint behind."""
    try:
        yield
    except ValueError as error:
        text = f"layer {layer.name!r}: {error}"
        raise ValueError(f"{text}. To fix: {hint}" if hint else text) from None


class LayerNames:
    """Names given to layers so far."""

    def __init__(self) -> None:
        self._layers: set[Layer] = set()
        self._names: set[str] = set()
        self._last_number: dict[str, int] = {}

    def number(self, layers: Sequence[Layer]) -> list[Layer]:
        """Return a list of the layers, with names made unique: dense, dense_1."""
        found = list(map(as_layer, layers))
        for layer in found:
            _require_layer(layer)
        for layer in found:
            if layer not in self._layers:
                self._number(layer)
        return found

    def _number(self, layer: Layer) -> None:
        base = name = layer.name
        while name in self._names:
            self._last_number[base] = self._last_number.get(base, 0) + 1
            name = f"{base}_{self._last_number[base]}"
        layer.name = name
        self._layers.add(layer)
        self._names.add(name)


def as_layer(thing: Any) -> Any:
    """Return a model that is not built as a layer, and anything else as it is."""
    convert = getattr(type(thing), "as_layer", None)
    return thing if convert is None else convert(thing)


def _require_layer(layer: object) -> None:
    """Raise a TypeError for what is no layer, or one without a name."""
    if isinstance(layer, type):
        raise TypeError(f"{layer.__name__} is a class: write {layer.__name__}(…)")
    if isinstance(layer, list | tuple):
        raise TypeError(
            f"expected layers such as Dense(10), got a {type(layer).__name__} of them: leave out "
            "its brackets, or make them one layer, as in Chain([Dense(10)])"
        )
    if not isinstance(layer, Layer):
        raise TypeError(f"expected layers such as Dense(10), got {type(layer).__name__}")
    if not hasattr(layer, "name"):
        raise TypeError(
            f"{type(layer).__name__} has no name. To fix: call super().__init__() in its "
            "constructor"
        )
    require_printable(layer.name)
    if "/" in layer.name:
        raise ValueError(
            f"a layer's name must not have '/', which stands between the names of layers within "
            f"layers: {layer.name!r}"
        )
