"""The public model: a chain of layers to compile, fit, evaluate and save."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Never

import numpy as np

from nnaccel._validate import check_range, refuse_unknown, whole_number
from nnaccel.backends import Array
from nnaccel.interop import onnx, weights
from nnaccel.layers import Chain, Layer
from nnaccel.model import copying
from nnaccel.model.compiled import Compiled
from nnaccel.model.own_loop import OwnLoop
from nnaccel.model.pipeline import PipelineStep
from nnaccel.model.predicting import predict
from nnaccel.model.summary import summarize, summarize_html
from nnaccel.training import checkpoint as files
from nnaccel.training.agreement import identity_of, require_same
from nnaccel.training.augment import Augment, check_augment
from nnaccel.training.batch_loader import BatchLoader
from nnaccel.training.callbacks import Callback, History, ProgressBar
from nnaccel.training.callbacks._list import CallbackList
from nnaccel.training.checks import (
    check_last_activation,
    check_steps,
    check_weighted,
    open_stream,
    refuse_weights,
    split_validation,
)
from nnaccel.training.communicator import Alone, Communicator, communicator_of
from nnaccel.training.inputs import build_or_check, check_inputs
from nnaccel.training.lbfgs import Minimization, minimize, require_smooth
from nnaccel.training.loop import (
    ArrayEpochs,
    ArrayEvaluation,
    Evaluation,
    StreamEpochs,
    StreamEvaluation,
    run_epochs,
)
from nnaccel.training.prefetch import refuse_in_prefetch
from nnaccel.training.resume import Backup
from nnaccel.training.setup import TrainingSetup
from nnaccel.training.share import Share
from nnaccel.training.streams import is_stream_of_pairs

_PREDICT_BATCH = 256


class Sequential(OwnLoop, PipelineStep):
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
        float32, on backends that support it ('cupy', and 'numpy' for comparison). float16
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
        self.history: History | None = None
        self.stop_training = False

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
            x = check_inputs(x, self.compute_dtype)
            build_or_check(self, x)
            return self.forward(BatchLoader(self, x, None, len(x)).inputs(len(x)), training)[0]

    def fit(
        self,
        x: Any,
        y: Any = None,
        *,
        epochs: int = 1,
        batch_size: int = 32,
        steps_per_epoch: int | None = None,
        prefetch: int = 2,
        sample_weight: Any = None,
        class_weight: Any = None,
        validation_data: Any = None,
        validation_split: float = 0.0,
        shuffle: bool = True,
        augment: Augment | None = None,
        callbacks: Sequence[Callback] = (),
        verbose: int = 1,
        initial_epoch: int = 0,
        checkpoint: str | Path | None = None,
        resume: bool = False,
        distributed: Communicator | None = None,
        **unknown: Never,
    ) -> History:
        """Train the model.

        Parameters
        ----------
        x : array_like, shape (N, ...), or iterable of batches, or generator function
            Inputs. Images of uint8 are pixels, and divided by 255 batch by batch; a table (N,
            features) of uint8 is numbers. What was done to whole numbers is kept with the model,
            and done again after training. Memory-mapped arrays stay on disk. Without
            `steps_per_epoch`, an epoch is all of an iterable.
        y : array_like
            Labels (N,), integers or floats such as 2.0, one-hot rows (N, C) or numbers; None if x
            gives batches.
        epochs : int, default 1
            Number of the epoch to stop before; the first is 0.
        batch_size : int, default 32
            Rows in a step; ignored if x gives batches.
        steps_per_epoch : int, optional
            Batches in an epoch, for an iterable that is longer than an epoch or never ends. The
            next epoch goes on where the last one stopped. A list, a generator function or another
            object that can be iterated again starts again where it ends; a generator that ends
            too early is an error. A resumed training begins the iterable anew and passes over the
            batches of the epochs it has had.
        prefetch : int, default 2
            Batches that a thread fetches from an iterable ahead of the steps, for training and
            validation, in the same order; none beyond the epoch. 0 fetches each when its step comes
            and is for an iterable that looks at the model, or that a callback changes.
        sample_weight : array_like, shape (N,), optional
            Each row's loss is multiplied by its weight; an iterable gives batches (x, y,
            sample_weight) instead.
        class_weight : dict or 'balanced', optional
            Each row's loss is multiplied by the weight of its class too, as in {0: 1.0, 1: 5.0}; 1
            for those not in the dict. 'balanced' gives all classes the same sum of weights; not
            for an iterable of batches.
        validation_data : (x, y), (x, y, sample_weight), or iterable of such batches, optional
            Evaluated after each epoch. A tuple is arrays; an iterable, or a generator function, is
            gone through anew each time.
        validation_split : float in [0, 1), default 0
            Share of rows, the last ones, to use for validation instead.
        shuffle : bool, default True
            Whether to shuffle the rows each epoch, by the seed.
        augment : nnaccel.data.Augment, optional
            Random changes of the images of each epoch; not for an iterable of batches.
        callbacks : sequence of Callback
            Their hooks are called during training.
        verbose : {1, 0, 2}
            1 prints a line an epoch, and shows a bar on a terminal; 2 prints lines; 0 nothing.
        initial_epoch : int, default 0
            Number of the first epoch.
        checkpoint : path, optional
            File to save the whole training to after every epoch.
        resume : bool, default False
            Whether to continue from `checkpoint` if that file exists, with its seed. The result is
            the same, bit for bit, as without the interruption.
        distributed : Communicator, optional
            Of `nnaccel.distributed.init`: the processes that train together. Each makes this call,
            with the same data and settings, and takes its share of each batch; `batch_size` stays
            that of the whole batch. All end with the same weights, states and history; rank 0 alone
            prints, and writes files.

        Returns
        -------
        History
            With ``.history``, a dict of lists, one value for each epoch.

        Raises
        ------
        ValueError
            If data, shapes or settings do not fit; nothing is changed then, except by the earlier
            batches of a stream.
        CheckpointError
            If `checkpoint` is not a file of this model and training.
        DivergenceError
            If loss or weights become NaN or infinite; the weights are then those after the last
            complete epoch.
        """
        refuse_unknown(self.fit, unknown)
        compiled = self._require_compiled()
        epochs, batch_size = whole_number("epochs", epochs), whole_number("batch_size", batch_size)
        first_epoch = whole_number("initial_epoch", initial_epoch, least=0)
        steps = check_steps(steps_per_epoch, y)
        prefetch = whole_number("prefetch", prefetch, least=0)
        self._require_idle("fit")
        if isinstance(callbacks, Callback):
            raise TypeError("callbacks must be a list: put the callback in brackets")
        check_augment(augment, y)
        comm = communicator_of(distributed)
        as_told = {
            "shuffle": bool(shuffle),
            "augment": repr(augment),
            "class_weight": repr(class_weight),
        }
        history = History()
        check_last_activation(self, compiled.loss)
        with self.on_backend(), comm.watch():
            backup = _backup(self, checkpoint, resume, comm, as_told)
            x, y, weights, evaluation = self._check_data(
                comm,
                compiled,
                (x, y, sample_weight),
                class_weight,
                validation_data,
                validation_split,
                max(batch_size, _PREDICT_BATCH),
                steps,
                prefetch,
            )
            if backup is not None:
                backup.load()
            if comm.size > 1:
                settings = {"epochs": [first_epoch, epochs], "batch_size": batch_size}
                settings |= {"steps_per_epoch": steps, **as_told}
                settings["validation data length"] = evaluation and [evaluation.rows]
                require_same(comm, identity_of(self, (x, y, weights), settings))
            with self._training():
                setup = self._training_setup(comm)
                source: StreamEpochs | ArrayEpochs = StreamEpochs(
                    setup, x, steps, class_weight, prefetch
                )
                if y is not None:
                    share = Share(comm, batch_size)
                    loader = BatchLoader(self, x, y, batch_size, weights, augment, share)
                    source = ArrayEpochs(setup, loader, shuffle)
                params = {
                    "epochs": epochs,
                    "steps": source.steps,
                    "samples": source.samples,
                    "batch_size": None if y is None else batch_size,
                    "verbose": verbose,
                    "resume": resume,
                }
                chosen = [*callbacks, history, ProgressBar(verbose)]
                if backup is not None:
                    chosen.append(backup)
                with CallbackList(chosen, self, params, comm.rank) as active:
                    self.history, self.stop_training = history, False
                    active.on_train_begin({})
                    if backup is not None:
                        next_epoch = backup.restore(active, first_epoch)
                        source.pass_over(next_epoch - first_epoch)
                        first_epoch = next_epoch
                    todo = range(first_epoch, epochs)
                    run_epochs(setup, todo, source, evaluation, active, lambda: self.stop_training)
                    if compiled.optimizer.use_ema:
                        self.assign_average_weights()
                    active.on_train_end({})
        return history

    def fit_lbfgs(
        self,
        x: Any,
        y: Any,
        *,
        sample_weight: Any = None,
        class_weight: Any = None,
        max_iter: int = 200,
        max_fun: int = 15000,
        tol: float = 1e-5,
        memory: int = 10,
        **unknown: Never,
    ) -> Minimization:
        """Train on all rows at once by L-BFGS, for small networks and data sets.

        It is a method beside `fit`, and no optimiser: each step searches along a line, for which it
        computes the loss of all rows several times. The optimiser that the model is compiled with
        is not used.

        Parameters
        ----------
        x, y, sample_weight, class_weight
            As for `fit`; arrays.
        max_iter, max_fun : int, default 200 and 15000
            Most iterations, and most times that loss and gradient are computed.
        tol : float, default 1e-5
            Largest element of the gradient at the end.
        memory : int, default 10
            Steps that the curvature is estimated from.

        Returns
        -------
        Minimization
            With `losses`, one after each iteration, and `converged`.

        Raises
        ------
        ValueError
            If data do not fit, a layer draws random numbers or has a constraint, or all layers are
            frozen.
        DivergenceError
            If the loss is not finite from the start.

        References
        ----------
        Liu and Nocedal, "On the limited memory BFGS method for large scale optimization",
        Mathematical Programming 45, 1989.

        Examples
        --------
        >>> from nnaccel.layers import Dense
        >>> x, y = np.linspace(-1, 1, 20)[:, None], np.sin(3 * np.linspace(-1, 1, 20))
        >>> model = Sequential([Dense(8, "tanh"), Dense(1)], seed=0, dtype="float64")
        >>> model.compile("mse")
        >>> model.fit_lbfgs(x, y).losses[-1] < 1e-3
        True
        """
        refuse_unknown(self.fit_lbfgs, unknown)
        compiled = self._require_compiled()
        options = {
            "maxiter": whole_number("max_iter", max_iter),
            "maxfun": whole_number("max_fun", max_fun),
            "maxcor": whole_number("memory", memory),
            "gtol": tol,
        }
        check_range("tol", tol, 0, math.inf)
        self._require_idle("fit_lbfgs")
        check_last_activation(self, compiled.loss)
        require_smooth(self.leaves)
        with self.on_backend():
            data = check_weighted(self, compiled.loss, (x, y, sample_weight), class_weight)
            x, targets, weights = data
            with self._training("fit_lbfgs"):
                setup = TrainingSetup(self, compiled.loss, compiled.optimizer, [])
                loader = BatchLoader(self, x, targets, len(x), weights)
                return minimize(setup, loader, **options)

    def evaluate(
        self,
        x: Any,
        y: Any = None,
        *,
        batch_size: int = _PREDICT_BATCH,
        sample_weight: Any = None,
        return_dict: bool = False,
        **unknown: Never,
    ) -> Any:
        """Return loss and metrics on a data set.

        Parameters
        ----------
        x, y : array_like, or x an iterable of batches or a generator function
            As for `fit`.
        batch_size : int, default 256
            Rows at a time; changes the result by rounding only. Ignored if x gives batches.
        sample_weight : array_like, shape (N,), optional
            Each row's loss is multiplied by its weight; metrics ignore weights. An iterable gives
            batches (x, y, sample_weight) instead.
        return_dict : bool, default False
            Whether to return a dict.

        Returns
        -------
        float, list of float, or dict
            The loss if there are no metrics, else the loss and the metrics in order.
        """
        refuse_unknown(self.evaluate, unknown)
        refuse_in_prefetch(self._parameters.in_training)
        batch_size = whole_number("batch_size", batch_size)
        compiled = self._require_compiled()
        check_last_activation(self, compiled.loss)
        with self.on_backend():
            if y is None:
                refuse_weights(sample_weight)
            data, alone = x if y is None else (x, y, sample_weight), Alone()
            logs = self._evaluation(alone, compiled, data, batch_size, is_stream=y is None).run()
        values = list(logs.values())
        return logs if return_dict else values if self.metrics else values[0]

    def predict(self, x: Any, *, batch_size: int = _PREDICT_BATCH, **unknown: Never) -> np.ndarray:
        """Return the outputs for inputs, as a NumPy array.

        Parameters
        ----------
        x : array_like, shape (N, ...), or iterable of batches, or generator function
            As for `fit`; of batches (x, y) the y is not looked at. A list or tuple is one array.
        batch_size : int, default 256
            Rows at a time; ignored if x gives batches.

        Returns
        -------
        array, shape (N, ...)
            A row of the model's output shape for each; of a classifier, the probabilities.
        """
        refuse_unknown(self.predict, unknown)
        refuse_in_prefetch(self._parameters.in_training)
        return predict(self, x, whole_number("batch_size", batch_size))

    def summary(self, print_fn: Callable[[str], Any] = print) -> None:
        """Print a table of the layers, their output shapes and numbers of parameters."""
        print_fn(summarize(self))

    def save(self, path: str | Path) -> None:
        """Save architecture, weights and the state of training to a safetensors file.

        Parameters
        ----------
        path : str or Path
            Replaced atomically if it exists.

        Raises
        ------
        ValueError
            If the name ends in '.onnx', which `export` writes.
        """
        if Path(path).suffix.lower() == ".onnx":
            raise ValueError(f"{path}: save writes safetensors files, export those of ONNX")
        files.write(path, *self.state())

    def export(self, path: str | Path) -> None:
        """Write the model to an ONNX file, for other libraries and runtimes.

        It computes what `predict` does for floats: dropout and noise do nothing, and whole numbers
        have to be scaled as in training. Its weights are float32, and any number of rows goes in.

        Parameters
        ----------
        path : str or Path
            Ends in '.onnx'; replaced atomically if it exists.

        Raises
        ------
        ModuleNotFoundError
            If the package onnx is not installed: ``pip install onnx``.
        RuntimeError
            If the model is not built.
        TypeError
            If ONNX has no operator for a layer; the message names it.
        ValueError
            If the name does not end in '.onnx', or the file would be larger than 2 GiB.
        """
        onnx.export(self, path)

    def load_weights(self, source: Any, *, by: str = "auto", strict: bool = True) -> list[str]:
        """Take the weights of a model with the same layers, trained in PyTorch or Keras.

        What these libraries keep otherwise is transposed: filters, dense weights, and the rows that
        a dense layer has for the pixels of Keras's images (H, W, C). Settings are not among
        weights: PyTorch's normalisation layers have ``epsilon=1e-5``, those here and Keras's 1e-3.

        Parameters
        ----------
        source : dict or path
            ``module.state_dict()`` of PyTorch; or a file of it, .safetensors or .pt (which is read
            without running code); or a .weights.h5 or .keras file of Keras.
        by : {'auto', 'name', 'order'}, default 'auto'
            Whether layers are found by name or by order (in Keras's files, among layers of a
            kind); 'auto' takes names if all layers' are there.
        strict : bool, default True
            Whether everything must fit; if not, what fits is taken.

        Returns
        -------
        list of str
            What did not fit, a sentence each; empty if everything did.

        Raises
        ------
        ValueError
            If something does not fit and `strict` is true; nothing is changed then.
        RuntimeError
            If the model is not built.
        ModuleNotFoundError
            If the package that reads such a file is not installed.
        CheckpointError
            If the file is damaged, or could run code.

        Examples
        --------
        >>> from nnaccel.layers import Dense
        >>> model = Sequential([Dense(2)])
        >>> model.build((3,))
        >>> model.load_weights({"0.weight": np.ones((2, 3)), "0.bias": np.zeros(2)})
        []
        """
        self._require_idle("load_weights")
        with self.on_backend():
            return weights.load(self, source, by, strict)

    def save_weights(self, target: Any, *, like: Any = None, by: str = "auto") -> None:
        """Give this model's weights to a model with the same layers in PyTorch or Keras.

        The way back of `load_weights`: names, shapes and the order of axes are those of the other
        library. `save` keeps a whole model for nnaccel.

        Parameters
        ----------
        target : dict or path
            ``module.state_dict()`` of PyTorch, whose tensors, which are the module's own, are
            filled; or a file to write, .safetensors, .pt, .weights.h5 or .keras, replaced
            atomically if it exists.
        like : dict or path, optional
            For a file: what has the other library's names and shapes, as for `load_weights`, of
            the same library, and in Keras's case of the same kind of file.
        by : {'auto', 'name', 'order'}, default 'auto'
            As for `load_weights`.

        Raises
        ------
        ValueError
            If the layers there are not those here, or the file's name ends otherwise.
        TypeError
            If `like` is missing for a file, or given for a dict.
        RuntimeError, ModuleNotFoundError, CheckpointError
            As for `load_weights`.

        Examples
        --------
        >>> from nnaccel.layers import Dense
        >>> model = Sequential([Dense(2, use_bias=False)])
        >>> model.build((3,))
        >>> state = {"0.weight": np.zeros((2, 3))}  # of torch.nn.Linear(3, 2, bias=False)
        >>> model.save_weights(state)
        >>> bool((state["0.weight"] == model.layers[0].params["w"].T).all())
        True
        """
        weights.save(self, target, like, by)

    def _check_data(
        self,
        comm: Communicator,
        compiled: Compiled,
        data: tuple[Any, ...],
        class_weight: Any,
        validation_data: Any,
        validation_split: float,
        batch_size: int,
        steps: int | None,
        prefetch: int,
    ) -> tuple[Any, Any, Any, Evaluation | None]:
        """Return inputs, targets (None for a stream), weights and validation; build the model."""
        if validation_split:
            if validation_data is not None:
                raise ValueError("give validation_data or validation_split, not both")
            data, validation_data = split_validation(validation_split, *data)
        x, y, weights = data
        if y is None:
            refuse_weights(weights, class_weight)
            x = open_stream(self, compiled.loss, x, steps, class_weight)
        else:
            x, y, weights = check_weighted(self, compiled.loss, data, class_weight)
        evaluation = None
        if validation_data is not None:
            in_batches = is_stream_of_pairs(validation_data)
            given = comm, compiled, validation_data, batch_size, in_batches
            evaluation = self._evaluation(*given, prefetch)
        return x, y, weights, evaluation

    def _evaluation(
        self,
        comm: Communicator,
        compiled: Compiled,
        data: Any,
        batch_size: int,
        is_stream: bool,
        prefetch: int = 0,
    ) -> Evaluation:
        """Check arrays (x, y) or (x, y, sample_weight), or a stream; return the evaluation."""
        check = open_stream if is_stream else check_weighted
        checked = check(self, compiled.loss, data)
        if self._parameters.in_training:  # the training's metrics go on adding up
            compiled = compiled._replace(metrics=copy.deepcopy(compiled.metrics))
        setup = TrainingSetup(self, *compiled, comm=comm)
        if is_stream:
            return StreamEvaluation(setup, checked, prefetch)
        x, targets, weights = checked
        batch_size = min(batch_size, len(x))
        share = Share(comm, batch_size)
        loader = BatchLoader(self, x, targets, batch_size, weights, share=share)
        return ArrayEvaluation(setup, loader)


def _backup(
    model: Sequential,
    path: str | Path | None,
    resume: bool,
    comm: Communicator,
    setting: Mapping[str, Any],
) -> Backup | None:
    """Return the callback that saves the training to `path`; None without a path."""
    if path is None and resume:
        raise ValueError("resume=True needs the path of a checkpoint to resume from")
    return None if path is None else Backup(model, path, resume, comm, setting)
