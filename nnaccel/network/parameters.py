"""Flat buffers: a model's parameters in one array, gradients in a second, states in a third."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from nnaccel.backends import Array, Backend, backend_of, to_numpy
from nnaccel.layers import Layer
from nnaccel_kernels.segments import Segment

_ALIGN = 16  # elements: arrays begin at multiples of it, on a cache line


class _Place(NamedTuple):
    """Position of a layer's array in a buffer."""

    layer: Layer
    name: str
    start: int
    shape: tuple[int, ...]

    def view(self, buffer: Array) -> Array:
        """Return that part of the buffer."""
        stop = self.start + math.prod(self.shape)
        return buffer[self.start : stop].reshape(self.shape)


class Parameters:
    """The buffers of parameters, gradients and states, with views of them in the layers.

    A model shares them with its slices.

    Attributes
    ----------
    weights, gradients : array, shape (n,)
        Parameters one after another, each on a cache line; gaps are zero.
    states : array, shape (m,)
        The layers' `state`, likewise.
    allocated : bool
        Whether the buffers exist, which is so once the model is built.
    in_training : bool
        Whether the model or a slice of it is being fitted, which locks them.
    home : str or None
        Name of the backend they were moved to by `move`.
    """

    weights: Array
    gradients: Array
    states: Array

    def __init__(self) -> None:
        self.allocated = False
        self.in_training = False
        self.home: str | None = None
        self._places: list[_Place] = []
        self._state_places: list[_Place] = []
        self._layers: list[Layer] = []

    def allocate(self, layers: Sequence[Layer], backend: Backend, dtype: Any) -> None:
        """Create the buffers on `backend` with the values of the layers' arrays."""
        self._layers = list(layers)
        self._places, weights = _pack(layers, "params", dtype)
        self._state_places, states = _pack(layers, "state", dtype)
        buffers = weights, np.zeros_like(weights), states
        self._bind(*map(backend.copy, buffers))
        self.allocated = True

    def span(self, layers: Sequence[Layer]) -> slice:
        """Return the slice of the buffers with the parameters of neighbouring layers."""
        chosen = {id(layer) for layer in layers}
        starts = [place.start for place in self._places]
        inside = [i for i, place in enumerate(self._places) if id(place.layer) in chosen]
        if not inside:
            return slice(0, 0)
        after = inside[-1] + 1
        return slice(starts[inside[0]], starts[after] if after < len(starts) else None)

    def segments(self, layers: Sequence[Layer], weight_decay: bool) -> tuple[Segment, ...]:
        """Return the segments that training updates, within the span of neighbouring layers."""
        chosen, first = {id(layer) for layer in layers}, self.span(layers).start
        stops = [*(place.start for place in self._places[1:]), self.weights.size]
        found: list[Segment] = []
        for (layer, name, start, _), stop in zip(self._places, stops, strict=True):
            if id(layer) not in chosen or not layer.trainable:
                continue
            decays = weight_decay and layer.decays(name)
            here = Segment(start - first, stop - first, layer.learning_rate_factor, decays)
            if found and found[-1] == here._replace(start=found[-1].start, stop=here.start):
                here = here._replace(start=found.pop().start)
            found.append(here)
        return tuple(found)

    def move(self, backend: Backend) -> None:
        """Copy the buffers to `backend`, and make it their home."""
        if self.allocated:
            self._bind(*map(backend.copy, (self.weights, self.gradients, self.states)))
        self.home = backend.name

    def adopt(self) -> None:
        """Copy arrays that were put in the place of a layer's into the buffers.

        Raises
        ------
        ValueError
            If one has another shape, or a name that the layer does not have.
        """
        for layer in self._layers if self.allocated else ():
            for store in ("params", "state"):
                _adopt(layer, store)

    def _bind(self, weights: Array, gradients: Array, states: Array) -> None:
        """Make every layer's arrays views of these buffers."""
        self.weights, self.gradients, self.states = weights, gradients, states
        for place in self._places:
            layer, name = place.layer, place.name
            layer.params[name], layer.grads[name] = place.view(weights), place.view(gradients)
        for place in self._state_places:
            place.layer.state[place.name] = place.view(states)
        for layer in self._layers:
            layer.keep_views()


def _adopt(layer: Layer, store: str) -> None:
    """`Parameters.adopt` for the arrays of one kind of a layer."""
    given, views = getattr(layer, store), (layer._views or {}).get(store, {})
    for name in (*views, *given):
        array, view = given.get(name), views.get(name)
        if array is view:
            continue
        if view is None or array is None or np.shape(array) != view.shape:
            has = ", ".join(f"{key!r} of shape {value.shape}" for key, value in views.items())
            was = "left out" if array is None else f"set to an array of shape {np.shape(array)}"
            raise ValueError(
                f"layer {layer.name!r}: {store} has {has or 'no arrays'}, but {store}[{name!r}] "
                f"was {was}. To fix: write into them, as in "
                f"layer.{store}[{next(iter(views), name)!r}][...] = …"
            )
        view[...] = backend_of(view).asarray(array, dtype=view.dtype)
        given[name] = view


def _pack(layers: Sequence[Layer], store: str, dtype: Any) -> tuple[list[_Place], np.ndarray]:
    """Return the positions of the arrays in the layers' `store`, and a buffer filled with them."""
    places, size = [], 0
    for layer in layers:
        for name, value in getattr(layer, store).items():
            places.append(_Place(layer, name, size, value.shape))
            size += -(-value.size // _ALIGN) * _ALIGN
    buffer = np.zeros(size, dtype)
    for place in places:
        place.view(buffer)[...] = to_numpy(getattr(place.layer, store)[place.name])
    return places, buffer
