"""A chain of layers over flat parameter buffers, with an explicit backward pass."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from nnaccel.backends import Array, Backend, backend_of, get_backend, to_numpy, use_backend
from nnaccel.layers import Layer, Shape
from nnaccel.parameters import Parameters


class Network:
    """Layers in order, their parameters in one buffer, and the order of their backwards.

    Attributes
    ----------
    layers : list of Layer
    seed : int
        Decides initial weights, shuffles and dropout masks.
    dtype : numpy.dtype
        float32 or float64.
    iterations : array of one int64
        Updates made so far, on the host.
    epochs : int
        Epochs trained so far.
    """

    def __init__(self, layers: Sequence[Layer], seed: int | None = None, dtype: Any = "float32"):
        self.layers = list(layers)
        if seed is None:
            seed = int(np.random.SeedSequence().generate_state(1)[0])
        if isinstance(seed, bool) or int(seed) != seed or seed < 0:
            raise ValueError(f"seed={seed!r} must be a whole number of at least 0")
        self.seed = int(seed)
        self.dtype = np.dtype(dtype)
        if self.dtype not in (np.dtype("float32"), np.dtype("float64")):
            raise ValueError(f"dtype={dtype!r} must be 'float32' or 'float64'")
        self.iterations = np.zeros(1, np.int64)
        self.epochs = 0
        self._parameters: Parameters | None = None
        self._span = slice(0, None)
        self._pinned: str | None = None
        self._name_layers()

    def build(self, input_shape: Sequence[int]) -> None:
        """Settle all shapes and create the parameters, on the backend in force.

        Parameters
        ----------
        input_shape : sequence of int
            Of one input, without the batch axis.

        Raises
        ------
        ValueError
            If a layer does not fit its input; the message names the layer.
        """
        if not self.layers:
            raise ValueError("the model has no layers: add some, such as Dense(10, 'softmax')")
        shape: Shape = tuple(int(n) for n in input_shape)
        if any(n < 1 for n in shape):
            raise ValueError(f"input_shape={shape} must have axes of at least 1")
        for index, layer in enumerate(self.layers):
            if layer.built:
                raise ValueError(
                    f"layer {layer.name!r} already belongs to a model: take a slice of that model "
                    "such as model[:-1], or make a new layer"
                )
            try:
                layer.build(shape, [self.seed, index], self.dtype)
            except ValueError as error:
                for built in self.layers[: index + 1]:
                    built.built = False
                raise ValueError(f"layer {layer.name!r}: {error}") from None
            shape = layer.output_shape
        self._parameters = Parameters(self.layers, get_backend(self._pinned), self.dtype)
        for index, layer in enumerate(self.layers):
            key = np.random.SeedSequence([self.seed, index, 1]).generate_state(1, np.uint64)
            layer.bind(key, self.iterations)

    @property
    def built(self) -> bool:
        """Whether the parameters exist."""
        return self._parameters is not None

    @property
    def input_shape(self) -> Shape:
        """Shape of one input."""
        self._require_built()
        return self.layers[0].input_shape

    @property
    def output_shape(self) -> Shape:
        """Shape of one output."""
        self._require_built()
        return self.layers[-1].output_shape

    @property
    def weights(self) -> Array:
        """All parameters as one flat array; writing to it changes the model."""
        return self._require_built().weights[self._span]

    @property
    def gradients(self) -> Array:
        """All gradients of the last backward pass as one flat array."""
        return self._require_built().gradients[self._span]

    @property
    def count_params(self) -> int:
        """Number of parameters."""
        return sum(layer.count_params for layer in self.layers)

    @property
    def recordable(self) -> bool:
        """Whether every layer does all its work through kernels."""
        return all(layer.recordable for layer in self.layers)

    @property
    def backend(self) -> Backend:
        """The backend that runs the model: where `to` put it, else where its arrays belong."""
        if self._pinned is not None or not self.built:
            return get_backend(self._pinned)
        return backend_of(self.weights)

    @contextlib.contextmanager
    def on_backend(self) -> Iterator[Backend]:
        """Make the model's backend the one in force inside a `with` block."""
        with use_backend(self.backend.name) as backend:
            yield backend

    def to(self, name: str) -> Network:
        """Move parameters to a backend, and run there from now on.

        Parameters
        ----------
        name : str
            'numpy', 'numba', 'cupy' or 'auto'.

        Returns
        -------
        Network
            The model itself.
        """
        backend = get_backend(name)
        if self._parameters is not None:
            self._parameters.move(backend)
        self._pinned = backend.name
        return self

    def forward(
        self, x: Array, training: bool = False, activate: bool = True
    ) -> tuple[Array, Callable[[Array], Array | None]]:
        """Return the output for a batch, and the backward pass.

        Parameters
        ----------
        x : array, shape (N, *input_shape)
            Of the model's dtype, on its backend.
        training : bool, default False
            Whether dropout drops.
        activate : bool, default True
            False stops before the last layer's activation, at the logits.

        Returns
        -------
        y : array, shape (N, *output_shape)
        backward : callable
            ``backward(dy, input_gradient=False)`` fills `gradients` and returns dx if wanted.
        """
        last = len(self.layers) - 1
        backwards = []
        for index, layer in enumerate(self.layers):
            x, backward = layer.forward(x, training, activate or index < last)
            backwards.append(backward)

        def run_back(dy: Array, input_gradient: bool = False) -> Array | None:
            stop = 0 if input_gradient else self._first_with_params()
            for index in range(last, stop - 1, -1):
                dy = backwards[index](dy, input_gradient or index > stop)
            return dy if input_gradient else None

        return x, run_back

    def get_weights(self) -> list[np.ndarray]:
        """Return copies of all parameters, layer by layer, as NumPy arrays."""
        self._require_built()
        return [to_numpy(p).copy() for layer in self.layers for p in layer.params.values()]

    def set_weights(self, weights: Sequence[Any]) -> None:
        """Overwrite all parameters, given in the order of `get_weights`."""
        self._require_built()
        places = [(layer, name) for layer in self.layers for name in layer.params]
        if len(weights) != len(places):
            raise ValueError(f"{len(weights)} arrays given for {len(places)} parameters")
        arrays = [np.asarray(to_numpy(w)) for w in weights]
        for (layer, name), array in zip(places, arrays, strict=True):
            if array.shape != layer.params[name].shape:
                raise ValueError(
                    f"{layer.name}.{name} has shape {layer.params[name].shape}, "
                    f"but the array given for it {array.shape}"
                )
        for (layer, name), array in zip(places, arrays, strict=True):
            layer.params[name][...] = self.backend.asarray(array, self.dtype)

    def _share(self, other: Network, first: int, last: int) -> None:
        """Become the part of `other` between two layers, in the same buffers."""
        if other._parameters is not None:
            self._parameters = other._parameters
            self._span = other._parameters.span(other.layers[first:last])
        self._pinned = other._pinned

    def _first_with_params(self) -> int:
        """Index of the first layer that has parameters: no gradient is needed below it."""
        return next((i for i, layer in enumerate(self.layers) if layer.params), len(self.layers))

    def _require_built(self) -> Parameters:
        if self._parameters is None:
            raise RuntimeError("the model is not built yet: call build(input_shape) or fit first")
        return self._parameters

    def _name_layers(self) -> None:
        """Number the layers that share a name: dense, dense_1, …"""
        taken: set[str] = set()
        for layer in self.layers:
            if not isinstance(layer, Layer):
                raise TypeError(f"expected layers such as Dense(10), got {type(layer).__name__}")
            names = itertools.chain([layer.name], (f"{layer.name}_{i}" for i in itertools.count(1)))
            layer.name = next(name for name in names if name not in taken)
            taken.add(layer.name)
