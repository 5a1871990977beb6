"""A chain of layers over flat parameter buffers, with an explicit backward pass."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from nnaccel._foreign import refuse_method
from nnaccel._validate import Explained, refuse_misspelt, warn_caller
from nnaccel.backends import Array, Backend, backend_of, get_backend, use_backend
from nnaccel.layers import Layer, Shape
from nnaccel.layers._images import channels_last
from nnaccel.layers._names import LayerNames, naming
from nnaccel.layers._several import is_of_several
from nnaccel.layers._tree import OfAllInside, leaves, walk
from nnaccel.network.input_scale import InputScale
from nnaccel.network.input_scales import InputScales
from nnaccel.network.parameters import Parameters
from nnaccel.network.passes import run_mixed
from nnaccel.network.precision import Policy
from nnaccel.network.shapes import infer_shapes, may_take_several
from nnaccel_kernels.segments import Segment


class Network(Explained):
    """A chain of layers with their parameters in one buffer.

    Attributes
    ----------
    layers : list of Layer
    seed : int
        Seed of initial weights, shuffles and dropout masks.
    policy : Policy
        The dtype policy, such as 'mixed_float16'.
    dtype : numpy.dtype
        Dtype of parameters and outputs: float32 or float64.
    iterations : array of one int64
        Batches trained on so far, each an update unless gradients are accumulated; on the model's
        backend, where kernels count them.
    epochs : int
        Epochs trained so far.
    input_scale : InputScale, or InputScales of several inputs
        How training scaled the inputs.
    learning_rate_factor, weight_decay
        As of a layer, of all layers: ``model[:-1].learning_rate_factor = 0.1``.
    """

    learning_rate_factor = OfAllInside()
    weight_decay = OfAllInside()

    def __init__(self, layers: Sequence[Layer], seed: int | None = None, dtype: Any = "float32"):
        self._names = LayerNames()
        self.layers = self._names.number(layers)
        if seed is None:
            seed = int(np.random.SeedSequence().generate_state(1)[0])
        if isinstance(seed, bool) or int(seed) != seed or seed < 0:
            raise ValueError(f"seed={seed!r} must be a whole number of at least 0")
        self.seed = int(seed)
        self.policy = Policy.of(dtype)
        self.dtype = self.policy.dtype
        self.iterations = np.zeros(1, np.int64)
        self.epochs = 0
        self.input_scale: Any = InputScale()
        self._parameters = Parameters()
        self._is_slice = False

    def build(self, input_shape: Sequence[int]) -> None:
        """Infer all shapes and create the parameters, on the current backend.

        Parameters
        ----------
        input_shape : sequence of int, or sequence of such
            Shape of one input, without the batch axis; of several inputs the shape of each, as in
            ``((1, 28, 28), (5,))``.

        Raises
        ------
        ValueError
            If a layer does not fit its input; the message names the layer.
        """
        shapes = self.infer_shapes(input_shape)
        self._require_free_layers()
        if is_of_several(shapes[0]) and not isinstance(self.input_scale, InputScales):
            self.input_scale = InputScales([InputScale() for _ in shapes[0]])
        LayerNames().number(self.layers)  # some may have been renamed since
        hint = channels_last(self.leaves, shapes[0])
        if hint:
            warn_caller(hint)
        try:
            for index, layer in enumerate(self.layers):
                with naming(layer):
                    layer.build(shapes[index], [self.seed, index], self.dtype)
            backend = get_backend(self._parameters.home)
            self.policy.check(backend)
            self._parameters.allocate(self.leaves, backend, self.dtype)
        except BaseException:
            for _, layer in walk(self.layers):
                layer.built = False
                layer.params, layer.grads, layer.state = {}, {}, {}
            raise
        self.bind_layers()

    def infer_shapes(self, input_shape: Sequence[int]) -> list[Shape]:
        """Return each layer's input shape, then the output shape; build nothing.

        Raises
        ------
        ValueError
            As `build`.
        """
        return infer_shapes(self.layers, input_shape)

    @property
    def takes_several(self) -> bool:
        """Whether inputs are a tuple of arrays; before the model is built, whether they may be."""
        if self.built:
            return is_of_several(self.input_shape)
        return may_take_several(self.layers)

    def require_one_input(self, what: str) -> None:
        """Raise a ValueError for `what` if the model takes several inputs."""
        if self.built and self.takes_several:
            raise ValueError(
                f"{what} is for models of one input, but this one takes {len(self.input_shape)}"
            )

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
    def leaves(self) -> list[Layer]:
        """The layers that hold no others, in order: those with parameters and states."""
        return leaves(self.layers)

    @property
    def ending(self) -> Layer:
        """The layer that gives the outputs: the last one, and within a `Chain` its last."""
        layer = self.layers[-1]
        while len(layer._branches) == 1:
            layer = layer._branches[0][-1]
        return layer

    @property
    def arrays(self) -> dict[str, Array]:
        """Parameters and states by path and name, such as 'residual/conv2d.w'."""
        return {
            f"{path}.{name}": array
            for path, layer in walk(self.layers)
            for name, array in layer.arrays.items()
        }

    @property
    def weights(self) -> Array:
        """All parameters as one flat array; writing to it changes the model."""
        self._require_built()
        self._parameters.adopt()
        return self._parameters.weights[self._parameters.span(self.leaves)]

    @property
    def gradients(self) -> Array:
        """All gradients of the last backward pass as one flat array."""
        self._require_built()
        return self._parameters.gradients[self._parameters.span(self.leaves)]

    @property
    def states(self) -> Array:
        """All states, such as running means, as one flat array; of a slice, its whole model's."""
        self._require_built()
        return self._parameters.states

    @property
    def count_params(self) -> int:
        """Number of parameters."""
        return sum(layer.count_params for layer in self.layers)

    @property
    def head(self) -> int:
        """Index in `layers` of the last with parameters, float32 in mixed precision."""
        with_params = [i for i, layer in enumerate(self.layers) if layer.count_params]
        return with_params[-1] if with_params else len(self.layers) - 1

    @property
    def compute_dtype(self) -> np.dtype[Any]:
        """Dtype of activations before the head, and of their gradients."""
        return self.policy.compute_dtype(self.backend) if self.head > 0 else self.dtype

    @property
    def backend(self) -> Backend:
        """The model's backend: that of `to`, else that of its arrays."""
        home = self._parameters.home
        if home is not None or not self.built:
            return get_backend(home)
        return backend_of(self._parameters.weights)

    @contextlib.contextmanager
    def on_backend(self) -> Iterator[Backend]:
        """Make the model's backend the current one inside a `with` block."""
        with use_backend(self.backend.name) as backend:
            try:
                yield backend
            except MemoryError as error:
                error.add_note(
                    f"Out of memory on {backend.device}. To fix: make batch_size smaller, give the "
                    "data as batches, or use another backend, as in model.to('numba')"
                )
                raise

    def forward(
        self, x: Array, training: bool = False, activate: bool = True
    ) -> tuple[Array, Callable[[Array], Array | None]]:
        """Return the output for a batch, and the backward pass.

        Parameters
        ----------
        x : array, shape (N, ...), or tuple of arrays where the model takes several inputs
            Of `dtype` or `compute_dtype`, on the model's backend.
        training : bool, default False
            Whether this is a training step.
        activate : bool, default True
            False leaves out the last layer's activation, and returns the logits.

        Returns
        -------
        y : array, shape (N, ...)
        backward : callable
            ``backward(dy, input_gradient=False)`` fills `gradients`, and returns dx or None; of
            several inputs, a tuple.
        """
        self._require_built()
        chains = self.layers[: self.head], self.layers[self.head :]
        dtypes = self.compute_dtype, self.dtype
        return run_mixed(self.backend, chains, dtypes, x, training, activate)

    @property
    def trainable(self) -> bool:
        """Whether any layer is trainable; set it to freeze or unfreeze all."""
        return any(layer.trainable for layer in self.layers)

    @trainable.setter
    def trainable(self, value: bool) -> None:
        for layer in self.layers:
            layer.trainable = value

    def __setattr__(self, name: str, value: Any) -> None:
        refuse_misspelt(type(self), name, ("trainable", "learning_rate_factor"))
        super().__setattr__(name, value)

    if not TYPE_CHECKING:

        def __getattr__(self, name):
            refuse_method(type(self).__name__, name)

    def segments(self, weight_decay: bool = False) -> tuple[Segment, ...]:
        """Return the parts of `weights` that training updates, with their layers' settings.

        Parameters
        ----------
        weight_decay : bool
            Whether the optimiser has any: where not, it does not part segments.
        """
        return self._parameters.segments(self.leaves, weight_decay)

    @property
    def switches(self) -> list[tuple[Any, ...]]:
        """What is set of each layer, besides its arguments: what was recorded depends on it."""
        return [
            (layer.trainable, layer.learning_rate_factor, layer.weight_decay)
            for layer in self.leaves
        ]

    def _share(self, whole: Network, layers: list[Layer]) -> None:
        """Become the slice of `whole` with these layers, in the same buffers."""
        self.layers = layers
        self._parameters = whole._parameters
        self._is_slice = True
        if layers[0] is whole.layers[0]:
            self.input_scale = whole.input_scale

    def bind_layers(self) -> None:
        """Give each layer a random key from this network's seed, and its step counter."""
        self.iterations = self.backend.asarray(self.iterations)
        for index, layer in enumerate(self.leaves):
            key = np.random.SeedSequence([self.seed, index, 1]).generate_state(1, np.uint64)
            layer.bind(key, self.iterations)

    def place_rows(self, first: int, sum_over_ranks: Callable[[Array], None] | None = None) -> None:
        """Tell the layers where in a whole batch the rows to come are.

        Parameters
        ----------
        first : int
            Which row of it is the first of them.
        sum_over_ranks : callable, optional
            Sums an array over the ranks that have the other rows, in place.
        """
        for layer in self.leaves:
            here = {"first_row": first, "sum_over_ranks": sum_over_ranks}
            vars(layer).update(here)  # no change of a setting

    def _require_built(self) -> None:
        if not self.built:
            raise RuntimeError("the model is not built yet: call build(input_shape) or fit first")

    def _require_free_layers(self) -> None:
        """Raise an error if this model or one of its layers is built already."""
        if self.built:
            raise RuntimeError(f"the model is built already, for inputs of {self.input_shape}")
        if self._is_slice:
            raise RuntimeError("a slice is built with its model: build or fit that one first")
        seen: set[Layer] = set()
        for path, layer in walk(self.layers):
            if layer.built or layer in seen:
                raise ValueError(
                    f"layer {path!r} already belongs to a model: make a new layer, take a "
                    "slice of that model such as model[:-1], or for a new head on trained layers "
                    "model[:-1].extended([Dense(3)])"
                )
            seen.add(layer)
