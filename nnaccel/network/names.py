"""Names of layers: unique within a model, and in front of a layer's errors."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Iterator, Sequence

from nnaccel.layers import Layer


@contextlib.contextmanager
def naming(layer: Layer, hint: str = "") -> Iterator[None]:
    """Put the layer's name in front of its ValueErrors, and a hint behind."""
    try:
        yield
    except ValueError as error:
        text = f"layer {layer.name!r}: {error}"
        raise ValueError(f"{text}. To fix: {hint}" if hint else text) from None


def number_names(layers: Sequence[Layer]) -> list[Layer]:
    """Return a list of the layers, with names made unique: dense, dense_1."""
    for layer in layers:
        if isinstance(layer, type):
            raise TypeError(f"{layer.__name__} is a class: write {layer.__name__}(…)")
        if not isinstance(layer, Layer):
            raise TypeError(f"expected layers such as Dense(10), got {type(layer).__name__}")
        if not hasattr(layer, "name"):
            raise TypeError(
                f"{type(layer).__name__} has no name. To fix: call super().__init__() in its "
                "constructor"
            )
    taken: set[str] = set()
    for layer in dict.fromkeys(layers):
        names = itertools.chain([layer.name], (f"{layer.name}_{i}" for i in itertools.count(1)))
        layer.name = next(name for name in names if name not in taken)
        taken.add(layer.name)
    return list(layers)
