"""The flat buffers: all parameters of a model in one array, all gradients in a second."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from nnaccel.backends import Array, Backend, to_numpy
from nnaccel.layers import Layer

_ALIGN = 16  # parameters begin at multiples of this many elements, so of a cache line


class Parameters:
    """The buffers that the parameters and gradients of some layers are views of.

    A model has one from the start, empty until it is built, and shares it with its slices.

    Attributes
    ----------
    weights, gradients : array, shape (n,)
        Parameters one after another, each beginning on a cache line; gaps are zero.
    allocated : bool
        Whether the buffers exist.
    in_training : bool
        Whether a model or a slice of it is being fitted, and nobody else may change them.
    home : str or None
        Name of the backend they were moved to, if they were.
    """

    weights: Array
    gradients: Array

    def __init__(self) -> None:
        self.allocated = False
        self.in_training = False
        self.home: str | None = None
        self._places: list[tuple[Layer, str, int, tuple[int, ...]]] = []
        self._views: dict[tuple[int, str], Array] = {}

    def allocate(self, layers: Sequence[Layer], backend: Backend, dtype: Any) -> None:
        """Make the buffers on `backend`, holding what the layers' parameters hold now."""
        self._places, size = [], 0
        for layer in layers:
            for name, value in layer.params.items():
                self._places.append((layer, name, size, value.shape))
                size += -(-value.size // _ALIGN) * _ALIGN
        weights = np.zeros(size, dtype)
        for layer, name, start, _ in self._places:
            flat = to_numpy(layer.params[name]).reshape(-1)
            weights[start : start + flat.size] = flat
        self._bind(backend.copy(weights), backend.copy(np.zeros_like(weights)))
        self.allocated = True

    def span(self, layers: Sequence[Layer]) -> slice:
        """Return where the parameters of some neighbouring layers lie in the buffers."""
        chosen = {id(layer) for layer in layers}
        starts = [start for _, _, start, _ in self._places]
        inside = [i for i, place in enumerate(self._places) if id(place[0]) in chosen]
        if not inside:
            return slice(0, 0)
        after = inside[-1] + 1
        return slice(starts[inside[0]], starts[after] if after < len(starts) else None)

    def move(self, backend: Backend) -> None:
        """Move both buffers to `backend`, in one copy each, and make that their home."""
        if self.allocated:
            self._bind(backend.copy(self.weights), backend.copy(self.gradients))
        self.home = backend.name

    def _bind(self, weights: Array, gradients: Array) -> None:
        """Make every layer's parameters and gradients views of these buffers."""
        self.weights, self.gradients = weights, gradients
        for layer, name, start, shape in self._places:
            stop = start + math.prod(shape)
            layer.params[name] = weights[start:stop].reshape(shape)
            layer.grads[name] = gradients[start:stop].reshape(shape)
            self._views[id(layer), name] = layer.grads[name]

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Make the layers of a copy views again: copying an array makes it one of its own."""
        self.__dict__.update(state)
        self.in_training, self._views = False, {}
        if self.allocated:
            self._bind(self.weights, self.gradients)

    def has_gradient(self, layer: Layer, name: str) -> bool:
        """Whether a layer's gradient still is the view of the buffer that it was given."""
        return layer.grads[name] is self._views[id(layer), name]
