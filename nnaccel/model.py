"""The public model: a chain of layers that can be compiled, fitted, asked and saved."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from nnaccel import checkpoint, losses, optim
from nnaccel import metrics as counting
from nnaccel.backends import Array, get_backend, loop, to_numpy
from nnaccel.callbacks import Callback, CallbackList, History, ProgressBar
from nnaccel.feed import Feed, check_inputs, check_pair, require_shape
from nnaccel.layers import Layer
from nnaccel.losses import Loss
from nnaccel.network import Network
from nnaccel.optim import Optimizer
from nnaccel.resume import Backup
from nnaccel.summary import summarize
from nnaccel.train import ArrayEpochs, Evaluation, Plan, StreamEpochs, run_epochs

_PREDICT_BATCH = 256


class Sequential(Network):
    """Layers one after another, trained by mini-batch gradient descent.

    Parameters
    ----------
    layers : sequence of Layer
        From input to output.
    seed : int, optional
        Decides initial weights, shuffles and dropout masks, the same on every backend; drawn at
        random by default.
    dtype : {'float32', 'float64'}
        Of parameters and all computation.

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
        self, layers: Sequence[Layer] = (), *, seed: int | None = None, dtype: Any = "float32"
    ) -> None:
        super().__init__(layers, seed, dtype)
        self.loss: Loss | None = None
        self.metrics: list[str] = []
        self.history: History | None = None
        self.stop_training = False
        self._optimizer: Optimizer | None = None
        self._slots: Array | None = None

    @property
    def optimizer(self) -> Optimizer:
        """The optimiser the model was compiled with."""
        return self._require_compiled()[1]

    def add(self, layer: Layer) -> None:
        """Append a layer; only before the model is built."""
        if self.built:
            raise RuntimeError("the model is built already: layers cannot be added any more")
        self.layers.append(layer)
        self._name_layers()

    def __getitem__(self, index: int | slice) -> Any:
        """Return a layer, or for a slice a model that shares its parameters with this one."""
        if not isinstance(index, slice):
            return self.layers[index]
        first, last, step = index.indices(len(self.layers))
        if step != 1:
            raise ValueError("a slice of a model must have step 1")
        part = Sequential(seed=self.seed, dtype=self.dtype)
        part.layers = self.layers[first:last]
        part._share(self, first, last)
        return part

    def __len__(self) -> int:
        return len(self.layers)

    def compile(
        self,
        loss: str | Loss = "categorical_crossentropy",
        optimizer: str | Optimizer = "rmsprop",
        metrics: Sequence[str] = (),
    ) -> None:
        """Choose what is minimised, how, and what is reported; forget the optimiser's state.

        Parameters
        ----------
        loss : str
            'mse', 'binary_crossentropy', 'categorical_crossentropy' or
            'sparse_categorical_crossentropy' (the same: labels and one-hot rows both work).
        optimizer : str or Optimizer
            'sgd', 'adagrad', 'rmsprop', 'adam', 'adamw', or an object.
        metrics : sequence of str
            'accuracy', 'binary_accuracy'.

        Raises
        ------
        ValueError
            If a name is unknown; the message has the nearest match.
        """
        names = [metrics] if isinstance(metrics, str) else list(metrics)
        for name in names:
            counting.check(name)
        self.loss, self._optimizer = losses.get(loss), optim.get(optimizer)
        self.metrics = names
        self._slots = None

    def fit(
        self,
        x: Any,
        y: Any = None,
        *,
        epochs: int = 1,
        batch_size: int = 32,
        validation_data: tuple[Any, Any] | None = None,
        validation_split: float = 0.0,
        shuffle: bool = True,
        callbacks: Sequence[Callback] = (),
        verbose: int = 1,
        initial_epoch: int = 0,
        checkpoint: str | Path | None = None,
        resume: bool = False,
    ) -> History:
        """Train the model.

        Parameters
        ----------
        x : array_like, shape (N, ...), or iterable of (x, y) batches
            Inputs. uint8 means pixels and is divided by 255 batch by batch; memory-mapped arrays
            stay on disk.
        y : array_like
            Integer labels (N,), one-hot rows (N, C) or numbers; None if x gives batches.
        epochs : int, default 1
            Number of the epoch to stop before, counted from `initial_epoch`'s zero.
        batch_size : int, default 32
            Rows in a step; ignored if x gives batches.
        validation_data : pair (x, y), optional
            Evaluated after each epoch.
        validation_split : float in [0, 1), default 0
            Share of rows, the last ones, kept for validation instead.
        shuffle : bool, default True
            Whether rows are drawn in a new order each epoch, decided by the seed.
        callbacks : sequence of Callback
            Called as training goes on.
        verbose : {1, 0, 2}
            1 shows a bar on a terminal and a line an epoch elsewhere; 2 lines; 0 nothing.
        initial_epoch : int, default 0
            Where counting starts.
        checkpoint : path, optional
            The whole training is saved there after every epoch.
        resume : bool, default False
            Continue from `checkpoint` if that file exists: training ends bit for bit where it
            would have ended without the interruption.

        Returns
        -------
        History
            With ``.history``, a dict of lists, one value for each epoch.

        Raises
        ------
        ValueError
            If data, shapes or settings do not fit; nothing is changed then.
        DivergenceError
            If the loss becomes NaN or infinite; the last whole epoch's weights are kept.
        """
        loss, optimizer = self._require_compiled()
        _check_counts(epochs=epochs, batch_size=batch_size)
        with self.on_backend():
            x, y, validation_data = self._split(x, y, validation_data, validation_split)
            streamed = y is None
            if streamed:
                x = self._build_from_stream(x, loss)
            else:
                x, y = check_pair(self, loss, x, y)
            backup = Backup(self, checkpoint, resume) if checkpoint is not None else None
            plan = self._plan(loss, optimizer)
            source = (
                StreamEpochs(plan, x) if streamed else ArrayEpochs(plan, x, y, batch_size, shuffle)
            )
            evaluation = self._evaluation(validation_data, max(batch_size, _PREDICT_BATCH))
            self.history, self.stop_training = History(), False
            params = {
                "epochs": epochs,
                "steps": source.steps,
                "samples": source.samples,
                "batch_size": None if streamed else batch_size,
                "verbose": verbose,
            }
            chosen = [*callbacks, self.history, ProgressBar(verbose), *filter(None, [backup])]
            with CallbackList(chosen, self, params) as told:
                told.on_train_begin({})
                if backup is not None:
                    initial_epoch = backup.restore(told, initial_epoch)
                steps = range(initial_epoch, epochs)
                run_epochs(plan, steps, source, evaluation, told, lambda: self.stop_training)
                told.on_train_end({})
        return self.history

    def evaluate(
        self, x: Any, y: Any, *, batch_size: int = _PREDICT_BATCH, return_dict: bool = False
    ) -> Any:
        """Return loss and metrics on a data set.

        Parameters
        ----------
        x, y : array_like
            As for `fit`.
        batch_size : int, default 256
            Rows at a time; does not change the result beyond rounding.
        return_dict : bool, default False
            Whether to return them by name.

        Returns
        -------
        float, list of float, or dict
            The loss alone if there are no metrics, else the loss and the metrics in order.
        """
        _check_counts(batch_size=batch_size)
        with self.on_backend():
            evaluation = self._evaluation((x, y), batch_size)
            assert evaluation is not None
            logs = evaluation.run()
        values = list(logs.values())
        return logs if return_dict else values if self.metrics else values[0]

    def predict(self, x: Any, *, batch_size: int = _PREDICT_BATCH) -> np.ndarray:
        """Return the outputs for inputs, as a NumPy array.

        Parameters
        ----------
        x : array_like, shape (N, ...)
            As for `fit`.
        batch_size : int, default 256
            Rows at a time.

        Returns
        -------
        array, shape (N, *output_shape)
            For a classifier, the probabilities.
        """
        _check_counts(batch_size=batch_size)
        with self.on_backend() as backend:
            x = check_inputs(x, self.dtype)
            if not self.built:
                self.build(x.shape[1:])
            require_shape(self, x)
            feed = Feed(self, x, None, batch_size)
            result = np.empty((len(x), *self.output_shape), self.dtype)
            record = backend.record if self.recordable else loop
            for rows, count in ((batch_size, len(x) // batch_size), (len(x) % batch_size, 1)):
                if not rows or not count:
                    continue
                outputs: list[Array] = []

                def step(rows: int = rows, outputs: list[Array] = outputs) -> None:
                    outputs[:] = [self.forward(feed.inputs(rows))[0]]
                    backend.kernels.advance(feed.cursor)

                replay = record(step)
                for _ in range(count):
                    first = int(feed.cursor[0]) * batch_size
                    replay(1)
                    result[first : first + rows] = to_numpy(outputs[0])
        return result

    def __call__(self, x: Array, training: bool = False) -> Array:
        """Return the outputs for one batch on the model's backend."""
        with self.on_backend() as backend:
            if not self.built:
                self.build(x.shape[1:])
            return self.forward(backend.asarray(x, self.dtype), training)[0]

    def to(self, name: str) -> Sequential:
        """Move parameters and optimiser state to a backend, and run there from now on.

        Parameters
        ----------
        name : str
            'numpy', 'numba', 'cupy' or 'auto'.
        """
        super().to(name)
        if self._slots is not None:
            self._slots = get_backend(name).asarray(to_numpy(self._slots))
        return self

    def summary(self, print_fn: Callable[[str], Any] = print) -> None:
        """Print a table of the layers, their output shapes and numbers of parameters."""
        print_fn(summarize(self))

    def save(self, path: str | Path) -> None:
        """Save architecture, weights and the state of training to a safetensors file.

        Parameters
        ----------
        path : str or Path
            Written beside and renamed, so that the file is always whole.
        """
        checkpoint.write(path, *self.state())

    def state(self) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        """Return all arrays and settings, as `save` writes them."""
        self._require_built()
        arrays = {
            f"{layer.name}.{name}": to_numpy(value)
            for layer in self.layers
            for name, value in layer.params.items()
        }
        described: dict[str, Any] = {
            "seed": self.seed,
            "dtype": str(self.dtype),
            "input_shape": self.input_shape,
            "layers": checkpoint.describe_layers(self.layers),
            "iterations": int(self.iterations[0]),
            "epochs": self.epochs,
        }
        if self.loss is not None and self._optimizer is not None:
            described["loss"], described["metrics"] = self.loss.name, self.metrics
            described["optimizer"] = checkpoint.describe_optimizer(self._optimizer)
            if self._slots is not None:
                arrays["optimizer"] = to_numpy(self._slots)
        return arrays, described

    def load_state(self, arrays: Mapping[str, np.ndarray], described: Mapping[str, Any]) -> None:
        """Take back the weights, the optimiser and the counters that `state` returned."""
        self.set_weights(
            [arrays[f"{layer.name}.{name}"] for layer in self.layers for name in layer.params]
        )
        self.iterations[0], self.epochs = int(described["iterations"]), int(described["epochs"])
        if "loss" in described:
            optimizer = described["optimizer"]
            self.compile(
                described["loss"],
                optim.from_config(optimizer["name"], optimizer["config"]),
                described["metrics"],
            )
            if "optimizer" in arrays:
                self._take_slots(arrays["optimizer"])

    def _take_slots(self, slots: np.ndarray) -> None:
        wanted = (len(self.optimizer.slots), self.weights.size)
        if slots.shape != wanted:
            raise checkpoint.CheckpointError(
                f"the optimizer's state has shape {slots.shape}; expected {wanted}"
            )
        self._slots = self.backend.asarray(slots.astype(self.dtype))

    def _plan(self, loss: Loss, optimizer: Optimizer) -> Plan:
        """What is trained, with the optimiser's state on the model's backend."""
        if self._slots is None:
            self._slots = optimizer.initial_slots(to_numpy(self.weights))
        self._slots = self.backend.asarray(to_numpy(self._slots))
        return Plan(self, loss, optimizer, self.metrics, self._slots)

    def _evaluation(self, data: tuple[Any, Any] | None, batch_size: int) -> Evaluation | None:
        if data is None:
            return None
        loss, optimizer = self._require_compiled()
        if len(data) != 2:
            raise ValueError("validation_data must be a pair (x, y)")
        x, targets = check_pair(self, loss, *data)
        plan = Plan(self, loss, optimizer, self.metrics)
        return Evaluation(plan, x, targets, min(batch_size, len(x)))

    def _split(
        self, x: Any, y: Any, validation_data: tuple[Any, Any] | None, share: float
    ) -> tuple[Any, Any, tuple[Any, Any] | None]:
        """Set the last `share` of the rows aside for validation."""
        if not 0 <= share < 1:
            raise ValueError(f"validation_split={share!r} must be at least 0 and below 1")
        if share == 0:
            return x, y, validation_data
        if validation_data is not None or y is None:
            raise ValueError("validation_split needs arrays x and y, and no validation_data")
        x, y = np.asanyarray(x), np.asanyarray(y)
        kept = len(x) - int(len(x) * share)
        return x[:kept], y[:kept], (x[kept:], y[kept:])

    def _build_from_stream(self, batches: Iterable[Any], loss: Loss) -> Iterable[Any]:
        """Build the model from the first batch, without losing that batch."""
        if hasattr(batches, "dtype") or not isinstance(batches, Iterable):
            raise ValueError("y is missing: give fit(x, y), or an iterable of (x, y) batches")
        if self.built:
            return batches
        iterator = iter(batches)
        first = next(iterator, None)
        if first is None:
            raise ValueError("the iterable of batches is empty")
        check_pair(self, loss, *first)
        return itertools.chain([first], iterator) if iterator is batches else batches

    def _require_compiled(self) -> tuple[Loss, Optimizer]:
        if self.loss is None or self._optimizer is None:
            raise RuntimeError("the model is not compiled yet: call compile(loss, optimizer) first")
        return self.loss, self._optimizer


def load(
    path: str | Path, *, custom_objects: Mapping[str, type[Layer]] | None = None
) -> Sequential:
    """Return the model in a file that `Sequential.save` wrote, ready to predict or to train on.

    Parameters
    ----------
    path : str or Path
        A safetensors file.
    custom_objects : dict of str to type, optional
        Layer classes of your own, by name.

    Returns
    -------
    Sequential
        On the backend in force.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    CheckpointError
        If it holds no model of nnaccel.
    """
    arrays, described = checkpoint.read(path)
    try:
        made = checkpoint.make_layers(described["layers"], custom_objects)
        shape = tuple(described["input_shape"])
        checkpoint.check_shapes(made, shape, arrays)
        model = Sequential(made, seed=described["seed"], dtype=described["dtype"])
        model.build(shape)
        model.load_state(arrays, described)
    except (KeyError, TypeError, AttributeError) as error:
        raise checkpoint.CheckpointError(f"{path} is not a whole model file: {error!r}") from None
    return model


def _check_counts(**counts: int) -> None:
    for name, count in counts.items():
        if isinstance(count, bool) or int(count) != count or count < 1:
            raise ValueError(f"{name}={count!r} must be a whole number of at least 1")
