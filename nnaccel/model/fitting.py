"""Training on whole sets of data."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Never

from nnaccel._validate import check_range, refuse_unknown, whole_number
from nnaccel.layers import Layer
from nnaccel.model.evaluating import EVALUATION_BATCH, Evaluating
from nnaccel.model.own_loop import OwnLoop
from nnaccel.model.pieces import Compiled
from nnaccel.model.portable import Portable
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
from nnaccel.training.communicator import Communicator, communicator_of
from nnaccel.training.inputs import as_several
from nnaccel.training.lbfgs import Minimization, minimize, require_smooth
from nnaccel.training.loop import (
    ArrayEpochs,
    Evaluation,
    StreamEpochs,
    run_epochs,
)
from nnaccel.training.resume import Backup
from nnaccel.training.setup import TrainingSetup
from nnaccel.training.share import Share
from nnaccel.training.streams import is_stream_of_pairs


class Fitting(OwnLoop, Evaluating, Portable):
    """A compiled network that is trained on whole sets of data."""

    def __init__(self, layers: Sequence[Layer], seed: int | None, dtype: Any) -> None:
        super().__init__(layers, seed, dtype)
        self.history: History | None = None
        self.stop_training = False

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
            and done again after training. Memory-mapped arrays stay on disk. A model that begins
            with `Parallel` takes a tuple of arrays too, one for each branch. Without
            `steps_per_epoch`, an epoch is all of an iterable.
        y : array_like
            Labels (N,), integers or floats such as 2.0, one-hot rows (N, C) or numbers; for outputs
            that are images, maps of labels (N, H, W), or (N, C, H, W). None if x gives batches.
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
            and is for an iterable that looks at the model, that a callback changes, or that is
            bound to one thread, as SQLite's connections are.
        sample_weight : array_like, shape (N,), or (N, H, W) for maps, optional
            Each row's loss, or each pixel's, is multiplied by its weight; metrics ignore weights.
            An iterable gives batches (x, y, sample_weight) instead.
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
            Random changes of the images of each epoch, by the row of an array, or a row's place in
            the epoch of an iterable. Targets stay as they are.
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
        check_augment(augment)
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
                max(batch_size, EVALUATION_BATCH),
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
                    setup, x, steps, class_weight, prefetch, augment
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
            If data do not fit, a layer draws random numbers or has a constraint, or all are frozen.
        DivergenceError
            If the loss is not finite from the start.

        References
        ----------
        Liu and Nocedal, "On the limited memory BFGS method for large scale optimization",
        Mathematical Programming 45, 1989.

        Examples
        --------
        >>> import numpy as np
        >>> import nnaccel as nn
        >>> x, y = np.linspace(-1, 1, 20)[:, None], np.sin(3 * np.linspace(-1, 1, 20))
        >>> model = nn.Sequential(
        ...     [nn.Dense(8, "tanh"), nn.Dense(1)], seed=0, dtype="float64"
        ... )
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
            data = as_several(self, data[0]), *data[1:]
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


def _backup(
    model: Fitting,
    path: str | Path | None,
    resume: bool,
    comm: Communicator,
    setting: Mapping[str, Any],
) -> Backup | None:
    """Return the callback that saves the training to `path`; None without a path."""
    if path is None and resume:
        raise ValueError("resume=True needs the path of a checkpoint to resume from")
    return None if path is None else Backup(model, path, resume, comm, setting)
