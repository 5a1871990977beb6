"""The public model: a chain of layers to compile, fit, evaluate and save."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from typing import Any, Never

import numpy as np

from nnaccel._text import terminal_width
from nnaccel._validate import refuse_unknown, whole_number
from nnaccel.backends import Array
from nnaccel.layers import Chain, Layer
from nnaccel.model import copying
from nnaccel.model.evaluating import EVALUATION_BATCH
from nnaccel.model.fitting import Fitting
from nnaccel.model.pipeline import PipelineStep
from nnaccel.model.predicting import predict
from nnaccel.model.summary import summarize, summarize_html
from nnaccel.training.batch_loader import BatchLoader
from nnaccel.training.inputs import build_or_check, take_inputs
from nnaccel.training.prefetch import refuse_in_prefetch


class Sequential(Fitting, PipelineStep):
    """Layers one after another, trained by mini-batch gradient descent.

    Parameters
    ----------
    layers : sequence of Layer
        From input to output.
    seed : int, optional
        Seed of initial weights, shuffles and dropout masks, the same on every backend; random by
        default.
    dtype : {'float32', 'float64', 'mixed_float16', 'mixed_bfloat16'}
        Dtype of parameters and computation. Mixed policies keep parameters, losses, the last layer
        with parameters and the layers after it in float32; all else is in 16 bits, accumulated in
        float32, on backends that support it ('cupy', 'torch', and 'numpy' for comparison). float16
        gradients are scaled, so that small ones do not become 0.

    Notes
    -----
    `copy.deepcopy`, `pickle` and `joblib` make independent copies of models and of slices, with
    the optimiser's state, so that training continues bit for bit.

    Examples
    --------
    >>> from nnaccel.layers import Dense
    >>> x, y = np.eye(4, dtype="float32"), np.array([0, 1, 0, 1])
    >>> model = Sequential([Dense(8, "tanh"), Dense(2, "softmax")], seed=0)
    >>> model.compile(loss="categorical_crossentropy", optimizer="adam", metrics=["accuracy"])
    >>> history = model.fit(x, y, epochs=200, batch_size=4, verbose=0)
    >>> model.predict(x).argmax(axis=1)
    array([0, 1, 0, 1])
    """

    def __init__(
        self,
        layers: Sequence[Layer] = (),
        *more: Never,
        seed: int | None = None,
        dtype: Any = "float32",
    ) -> None:
        if more or isinstance(layers, Layer | Sequential):
            raise TypeError("give the layers in one list: Sequential([Dense(3, 'softmax')])")
        super().__init__(layers, seed, dtype)

    def add(self, layer: Layer) -> None:
        """Append a layer, before the model is built."""
        if self.built:
            raise RuntimeError("the model is built already: layers cannot be added any more")
        self.layers += self._names.number([layer])

    def extended(self, layers: Sequence[Layer]) -> Sequential:
        """Return a copy of a built model, with more layers behind: a trained body with a new head.

        Parameters
        ----------
        layers : sequence of Layer
            New ones; the model's own are copied, with their weights.

        Returns
        -------
        Sequential
            Built, not compiled.

        Examples
        --------
        >>> from nnaccel.layers import Dense
        >>> model = Sequential([Dense(8, "tanh"), Dense(2, "softmax")], seed=0)
        >>> model.build((3,))
        >>> model[:-1].extended([Dense(5, "softmax")]).output_shape
        (5,)
        """
        self._require_built()
        longer = Sequential(
            [*copying.copy_layers(self), *layers], seed=self.seed, dtype=self.policy.name
        )
        with self.on_backend():
            longer.build(self.input_shape)
        copying.copy_weights(self, longer)
        longer.input_scale = copy.copy(self.input_scale)
        return longer

    def as_layer(self) -> Chain:
        """Return the layers as one layer of another model, which has seed and dtype of its own.

        Raises
        ------
        ValueError
            If the model is built.
        """
        if self.built or self._is_slice:
            raise ValueError(
                "a Sequential within a model must not be built yet. To fix: for more layers behind "
                "trained ones, take model.extended([Dense(3)])"
            )
        return Chain(self.layers)

    def __repr__(self) -> str:
        return f"Sequential({self.layers!r}, seed={self.seed}, dtype={self.policy.name!r})"

    def _repr_html_(self) -> str:
        """Show the table of `summary` in a notebook."""
        return summarize_html(self)

    def __len__(self) -> int:
        return len(self.layers)

    def __getitem__(self, index: int | slice) -> Any:
        """Return a layer, or for a slice a model that shares the parameters."""
        if not isinstance(index, slice):
            return self.layers[index]
        chosen = self.layers[index]
        if index.step not in (None, 1) or not chosen:
            raise ValueError(f"model[{index}]: a slice must have step 1 and at least one layer")
        part = Sequential(seed=self.seed, dtype=self.policy.name)
        part._share(self, chosen)
        return part

    def __getstate__(self) -> dict[str, Any]:
        return copying.contents(self)

    def __setstate__(self, kept: dict[str, Any]) -> None:
        copying.remake(self, kept)

    def __call__(self, x: Any, training: bool = False) -> Array:
        """Return the outputs for one batch, as an array of the model's backend."""
        refuse_in_prefetch(self._parameters.in_training)
        with self.on_backend():
            x = take_inputs(self, x)
            build_or_check(self, x)
            return self.forward(BatchLoader(self, x, None, len(x)).inputs(len(x)), training)[0]

    def predict(
        self, x: Any, *, batch_size: int = EVALUATION_BATCH, **unknown: Never
    ) -> np.ndarray:
        """Return the outputs for inputs, as a NumPy array.

        Parameters
        ----------
        x : array_like, shape (N, ...), or iterable of batches, or generator function
            As for `fit`; of batches (x, y) the y is not looked at. A list is one array, and so is
            a tuple, unless the model takes several inputs.
        batch_size : int, default 256
            Rows at a time; ignored if x gives batches.

        Returns
        -------
        array, shape (N, ...)
            A row of the model's output shape for each; of a classifier, the probabilities.

        Raises
        ------
        ValueError
            If the inputs do not fit the model, or are not finite.

        Examples
        --------
        >>> from nnaccel.layers import Dense
        >>> model = Sequential([Dense(2, "softmax", initializer="zeros")])
        >>> model.predict([[1.0, 2.0, 3.0]])
        array([[0.5, 0.5]], dtype=float32)
        """
        refuse_unknown(self.predict, unknown)
        refuse_in_prefetch(self._parameters.in_training)
        return predict(self, x, whole_number("batch_size", batch_size))

    def summary(self, print_fn: Callable[[str], Any] = print) -> None:
        """Print a table of the layers, their output shapes and numbers of parameters.

        Parameters
        ----------
        print_fn : callable, default `print`
            Is given the table, a str.
        """
        print_fn(summarize(self, terminal_width() if print_fn is print else None))
