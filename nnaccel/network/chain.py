"""A chain of layers over flat parameter buffers, with an explicit backward pass."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Self

import numpy as np

from nnaccel._validate import refuse_misspelt
from nnaccel.backends import (
    Array,
    Backend,
    backend_of,
    get_backend,
    is_kernels_only,
    to_numpy,
    use_backend,
)
from nnaccel.layers import Layer, Shape
from nnaccel.layers._base import Backward
from nnaccel.network.parameters import Parameters
from nnaccel.network.precision import Policy, cast


class Network:
    """Layers in order, their parameters in one buffer, and the order of their backwards.

    Attributes
    ----------
    layers : list of Layer
    seed : int
        Decides initial weights, shuffles and dropout masks.
    policy : Policy
        What `dtype` was given as: 'float32', 'float64', 'mixed_float16' or 'mixed_bfloat16'.
    dtype : numpy.dtype
        float32 or float64: of parameters and outputs.
    iterations : array of one int64
        Updates made so far; on the model's backend, where kernels count them.
    epochs : int
        Epochs trained so far.
    """

    def __init__(self, layers: Sequence[Layer], seed: int | None = None, dtype: Any = "float32"):
        self.layers = number_names(layers)
        if seed is None:
            seed = int(np.random.SeedSequence().generate_state(1)[0])
        if isinstance(seed, bool) or int(seed) != seed or seed < 0:
            raise ValueError(f"seed={seed!r} must be a whole number of at least 0")
        self.seed = int(seed)
        self.policy = Policy.of(dtype)
        self.dtype = self.policy.dtype
        self.iterations = np.zeros(1, np.int64)
        self.epochs = 0
        self._parameters = Parameters()
        self._is_slice = False

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
        shapes = self.infer_shapes(input_shape)
        self._require_free_layers()
        try:
            for index, layer in enumerate(self.layers):
                with _naming(layer):
                    layer.build(shapes[index], [self.seed, index], self.dtype)
            backend = get_backend(self._parameters.home)
            self._parameters.allocate(self.layers, backend, self.dtype)
        except BaseException:
            for layer in self.layers:
                layer.built = False
                layer.params, layer.grads, layer.state = {}, {}, {}
            raise
        self.bind_layers()

    def infer_shapes(self, input_shape: Sequence[int]) -> list[Shape]:
        """Return each layer's input shape and the last one's output shape; build nothing.

        Raises
        ------
        ValueError
            As `build`.
        """
        if not self.layers:
            raise ValueError("the model has no layers: add some, such as Dense(10, 'softmax')")
        shapes: list[Shape] = [tuple(int(n) for n in input_shape)]
        if any(n < 1 for n in shapes[0]):
            raise ValueError(f"input_shape={shapes[0]} must have axes of at least 1")
        for layer in self.layers:
            with _naming(layer):
                shapes.append(layer.infer_shape(shapes[-1]))
        return shapes

    @property
    def built(self) -> bool:
        """Whether the parameters exist."""
        return self._parameters.allocated

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
        self._require_built()
        return self._parameters.weights[self._parameters.span(self.layers)]

    @property
    def gradients(self) -> Array:
        """All gradients of the last backward pass as one flat array."""
        self._require_built()
        return self._parameters.gradients[self._parameters.span(self.layers)]

    @property
    def states(self) -> Array:
        """All that training moves besides, such as running statistics, as one flat array.

        A slice gives that of its whole model.
        """
        self._require_built()
        return self._parameters.states

    @property
    def count_params(self) -> int:
        """Number of parameters."""
        return sum(layer.count_params for layer in self.layers)

    @property
    def head(self) -> int:
        """Index of the last layer with parameters; from it on, mixed precision has float32."""
        with_params = [i for i, layer in enumerate(self.layers) if layer.params]
        return with_params[-1] if with_params else len(self.layers) - 1

    @property
    def compute_dtype(self) -> np.dtype[Any]:
        """Dtype of activations before the head, and of their gradients, on the model's backend."""
        return self.policy.compute_dtype(self.backend) if self.head > 0 else self.dtype

    @property
    def backend(self) -> Backend:
        """The backend that runs the model: where `to` put it, else where its arrays belong."""
        home = self._parameters.home
        if home is not None or not self.built:
            return get_backend(home)
        return backend_of(self._parameters.weights)

    @contextlib.contextmanager
    def on_backend(self) -> Iterator[Backend]:
        """Make the model's backend the one in force inside a `with` block."""
        with use_backend(self.backend.name) as backend:
            try:
                yield backend
            except MemoryError as error:
                error.add_note(
                    f"There is no room for this on {backend.device}: make batch_size smaller, give "
                    "the data as batches, or take another backend, as in model.to('numba')"
                )
                raise

    def to(self, name: str) -> Self:
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
        self._parameters.move(get_backend(name))
        return self

    def forward(
        self, x: Array, training: bool = False, activate: bool = True
    ) -> tuple[Array, Callable[[Array], Array | None]]:
        """Return the output for a batch, and the backward pass.

        Parameters
        ----------
        x : array, shape (N, *input_shape)
            Of the model's dtype, or the one it computes in, on its backend.
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
        self._require_built()
        last, head = len(self.layers) - 1, self.head
        inside, outside = self.compute_dtype, self.dtype

        def to(dtype: np.dtype[Any], a: Array) -> Array:
            return a if inside == outside else cast(self.backend, a, dtype)

        x, backwards = to(inside, x), []
        for index, layer in enumerate(self.layers):
            if index == head:  # 16 bits are too few for what comes out
                x = to(outside, x)
            forward = layer.forward if is_kernels_only(layer.forward) else self._on_host(layer)
            x, backward = forward(x, training, activate or index < last)
            backwards.append(backward)

        def run_back(dy: Array, input_gradient: bool = False) -> Array | None:
            stop = 0 if input_gradient else self.lowest_trainable
            for index in range(last, stop - 1, -1):
                wanted = input_gradient or index > stop
                dy = backwards[index](dy, wanted)
                if wanted and index <= head:
                    dy = to(inside, dy)
            return to(outside, dy) if input_gradient else None

        return x, run_back

    @property
    def trainable(self) -> bool:
        """Whether any layer is trainable; set it to freeze or to free all."""
        return any(layer.trainable for layer in self.layers)

    @trainable.setter
    def trainable(self, value: bool) -> None:
        for layer in self.layers:
            layer.trainable = value

    def __setattr__(self, name: str, value: Any) -> None:
        refuse_misspelt(self, name, ("trainable",))
        super().__setattr__(name, value)

    def trainable_spans(self) -> list[slice]:
        """Return where in `weights` the parameters of trainable layers lie: runs of neighbours."""
        first = self._parameters.span(self.layers).start
        with_params = [layer for layer in self.layers if layer.params]
        spans = [
            self._parameters.span(list(run))
            for is_live, run in itertools.groupby(with_params, lambda layer: layer.trainable)
            if is_live
        ]
        return [
            slice(span.start - first, None if span.stop is None else span.stop - first)
            for span in spans
        ]

    def clear_frozen_gradients(self) -> None:
        """Set the gradients of layers that are not trainable to zero, where they stay."""
        for layer in self.layers:
            if not layer.trainable:
                for gradient in layer.grads.values():
                    gradient[...] = 0

    def get_weights(self) -> list[np.ndarray]:
        """Return copies of all parameters and states, layer by layer, as NumPy arrays."""
        self._require_built()
        return [to_numpy(p).copy() for layer in self.layers for p in layer.arrays.values()]

    def set_weights(self, weights: Sequence[Any]) -> None:
        """Overwrite all parameters and states, given in the order of `get_weights`.

        Raises
        ------
        ValueError
            If their number or a shape is not the model's; nothing is changed then.
        """
        self._require_built()
        places = {
            f"{layer.name}.{name}": place
            for layer in self.layers
            for name, place in layer.arrays.items()
        }
        if len(weights) != len(places):
            raise ValueError(f"{len(weights)} arrays given for {len(places)} parameters")
        arrays = [np.asarray(to_numpy(w), self.dtype) for w in weights]
        for (name, place), array in zip(places.items(), arrays, strict=True):
            if array.shape != place.shape:
                raise ValueError(
                    f"{name} has shape {place.shape}, but the array given for it {array.shape}"
                )
        for place, array in zip(places.values(), arrays, strict=True):
            place[...] = self.backend.asarray(array)

    def _share(self, whole: Network, layers: list[Layer]) -> None:
        """Become the part of `whole` that `layers` are, in the same buffers."""
        self.layers = layers
        self._parameters = whole._parameters
        self._is_slice = True

    def bind_layers(self) -> None:
        """Let the layers that draw at random follow this network's seed and step count."""
        self.iterations = self.backend.asarray(self.iterations)
        for index, layer in enumerate(self.layers):
            key = np.random.SeedSequence([self.seed, index, 1]).generate_state(1, np.uint64)
            layer.bind(key, self.iterations)

    def _on_host(self, layer: Layer) -> Callable[[Array, bool, bool], tuple[Array, Backward]]:
        """The forward of a layer of the user's own, and its backward, as host rows.

        What the user's Python returns is copied into buffers that the other rows read.
        """
        backend = self.backend
        dtype = self.compute_dtype if self.layers.index(layer) < self.head else self.dtype

        def forward(x: Array, training: bool, activate: bool) -> tuple[Array, Backward]:
            y = backend.empty((len(x), *layer.output_shape), dtype)
            latest: list[Backward] = []

            def run_forward() -> None:
                outputs, run_back = layer.forward(x, training, activate)
                y[...] = _as_expected(layer, "forward", outputs, y.shape)
                latest[:] = [run_back]

            def backward(dy: Array, input_gradient: bool) -> Array | None:
                dx = backend.empty((len(x), *layer.input_shape), dtype) if input_gradient else None

                def run_backward() -> None:
                    gradient = latest[0](dy, input_gradient)
                    self._require_in_place(layer)
                    if not layer.trainable:
                        self.clear_frozen_gradients()
                    if dx is not None:
                        dx[...] = _as_expected(layer, "backward", gradient, dx.shape)

                backend.host(run_backward)
                return dx

            backend.host(run_forward)
            return y, backward

        return forward

    def _require_in_place(self, layer: Layer) -> None:
        """Raise unless a layer of the user's own wrote its gradients into the flat buffer."""
        for name in layer.grads:
            if not self._parameters.has_gradient(layer, name):
                raise ValueError(
                    f"layer {layer.name!r}: backward replaced grads[{name!r}]; write into it, as "
                    f"in self.grads[{name!r}][...] = …"
                )

    @property
    def lowest_trainable(self) -> int:
        """Index of the first layer with parameters to train: no gradient is needed below it."""
        live = (i for i, layer in enumerate(self.layers) if layer.params and layer.trainable)
        return next(live, len(self.layers))

    def _require_built(self) -> None:
        if not self.built:
            raise RuntimeError("the model is not built yet: call build(input_shape) or fit first")

    def _require_free_layers(self) -> None:
        """Raise unless the layers can be built: by this model, and for the first time."""
        if self.built:
            raise RuntimeError(f"the model is built already, for inputs of {self.input_shape}")
        if self._is_slice:
            raise RuntimeError("a slice is built with its model: build or fit that one first")
        for index, layer in enumerate(self.layers):
            if layer.built or layer in self.layers[:index]:
                raise ValueError(
                    f"layer {layer.name!r} already belongs to a model: take a slice of that model "
                    "such as model[:-1], or make a new layer"
                )


def _as_expected(layer: Layer, what: str, a: Array, shape: tuple[int, ...]) -> Array:
    """Return what a layer of the user's own gave, if its shape is right."""
    if getattr(a, "shape", None) != shape:
        raise ValueError(
            f"layer {layer.name!r}: {what} returned "
            f"{getattr(a, 'shape', type(a).__name__)}; expected shape {shape}"
        )
    return a


@contextlib.contextmanager
def _naming(layer: Layer) -> Iterator[None]:
    """Put the layer's name before what it says of shapes that do not fit."""
    try:
        yield
    except ValueError as error:
        raise ValueError(f"layer {layer.name!r}: {error}") from None


def number_names(layers: Sequence[Layer]) -> list[Layer]:
    """Return a list of the layers; those that share a name are numbered: dense, dense_1."""
    for layer in layers:
        if isinstance(layer, type):
            raise TypeError(f"{layer.__name__} is a class: write {layer.__name__}(…)")
        if not isinstance(layer, Layer):
            raise TypeError(f"expected layers such as Dense(10), got {type(layer).__name__}")
    taken: set[str] = set()
    for layer in dict.fromkeys(layers):
        names = itertools.chain([layer.name], (f"{layer.name}_{i}" for i in itertools.count(1)))
        layer.name = next(name for name in names if name not in taken)
        taken.add(layer.name)
    return list(layers)
