"""Training on whole sets of data."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Never

from nnaccel._validate import refuse_unknown
from nnaccel.layers import Layer
from nnaccel.model.evaluating import EVALUATION_BATCH, Evaluating
from nnaccel.model.fit_settings import FitSettings
from nnaccel.model.minimizing import Minimizing
from nnaccel.model.own_loop import OwnLoop
from nnaccel.model.pieces import Compiled
from nnaccel.model.portable import Portable
from nnaccel.training.agreement import identity_of, require_same
from nnaccel.training.augment import Augment
from nnaccel.training.batch_loader import BatchLoader
from nnaccel.training.callbacks import Callback, History, ProgressBar
from nnaccel.training.callbacks._list import CallbackList
from nnaccel.training.checks import check_weighted, open_stream, refuse_weights, split_validation
from nnaccel.training.communicator import Communicator, communicator_of
from nnaccel.training.inputs import as_several
from nnaccel.training.last_activation import check_last_activation
from nnaccel.training.loop import ArrayEpochs, Epochs, Evaluation, StreamEpochs, run_epochs
from nnaccel.training.resume import Backup
from nnaccel.training.setup import TrainingSetup
from nnaccel.training.share import Share
from nnaccel.training.streams import is_stream_of_pairs


class Fitting(OwnLoop, Minimizing, Evaluating, Portable):
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
            features) of uint8 is numbers. The scale is kept with the model, for later inputs.
            Memory-mapped arrays stay on disk. A model that begins with `Parallel` takes a tuple of
            arrays too, one for each branch. Without `steps_per_epoch`, an epoch is all of an
            iterable.
        y : array_like
            Labels (N,), integers or floats such as 2.0, one-hot rows (N, C) or numbers; for outputs
            that are images, maps of labels (N, H, W), or (N, C, H, W). None if x gives batches.
        epochs : int, default 1
            Epochs to train; with `initial_epoch` the number of the epoch to stop before.
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
            validation, in the same order; none beyond the epoch. With 0 each is fetched when its
            step comes: for an iterable that looks at the model, that a callback changes, or that
            is bound to one thread, as SQLite's connections are.
        sample_weight : array_like, shape (N,), or (N, H, W) for maps, optional
            Each row's loss, or each pixel's, is multiplied by its weight; metrics ignore weights.
            An iterable gives batches (x, y, sample_weight) instead.
        class_weight : dict or 'balanced', optional
            Each row's loss is multiplied by the weight of its class too, as in {0: 1.0, 1: 5.0}; 1
            for classes not in the dict. 'balanced' gives all classes the same sum of weights, and
            is not for an iterable of batches.
        validation_data : (x, y), (x, y, sample_weight), or iterable of such batches, optional
            Evaluated after each epoch. A tuple is arrays; an iterable, or a generator function, is
            gone through anew each time.
        validation_split : float in [0, 1), default 0
            Share of rows, the last ones, to use for validation instead.
        shuffle : bool, default True
            Whether to shuffle the rows each epoch, by the seed.
        augment : nnaccel.data.Augment, optional
            Random changes of the images, other ones in each epoch. Targets stay as they are.
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
        TypeError
            If an argument is unknown or of another kind.
        RuntimeError
            If the model is not compiled, or is being trained already.
        OSError
            If `checkpoint` cannot be written.
        CheckpointError
            If `checkpoint` is not a file of this model and training.
        DivergenceError
            If loss or weights become NaN or infinite; the weights are then those after the last
            complete epoch.

        Examples
        --------
        >>> import nnaccel as nn
        >>> (x, y), test = nn.data.digits()
        >>> model = nn.Sequential([nn.Dense(32, "relu"), nn.Dense(10, "softmax")], seed=0)
        >>> model.compile("categorical_crossentropy", "adam", ["accuracy"])
        >>> history = model.fit(x, y, epochs=20, validation_data=test, verbose=0)
        >>> history.history["val_accuracy"][-1] > 0.9
        True
        """
        refuse_unknown(self.fit, unknown)
        compiled = self._require_compiled()
        settings = FitSettings(
            epochs,
            batch_size,
            initial_epoch,
            steps_per_epoch,
            prefetch,
            class_weight,
            shuffle,
            augment,
            is_stream=y is None,
        )
        self._require_idle("fit")
        if isinstance(callbacks, Callback):
            raise TypeError("callbacks must be a list: put the callback in brackets")
        comm = communicator_of(distributed)
        check_last_activation(self, compiled.loss)
        with self.on_backend(), comm.watch():
            backup = _backup(self, checkpoint, resume, comm, settings)
            if validation_split:
                if validation_data is not None:
                    raise ValueError("give validation_data or validation_split, not both")
                (x, y, sample_weight), validation_data = split_validation(
                    validation_split, as_several(self, x), y, sample_weight
                )
            x, y, weights = self._check_data((x, y, sample_weight), compiled, settings)
            evaluation = self._validation(validation_data, compiled, settings, comm)
            if backup is not None:
                backup.load()
            if comm.size > 1:
                told = settings.plain | {"validation data length": evaluation and [evaluation.rows]}
                require_same(comm, identity_of(self, (x, y, weights), told))
            with self._training():
                setup = self._training_setup(comm)
                source = self._epochs(setup, (x, y, weights), settings)
                history = History()
                bar = ProgressBar(verbose)
                chosen = [*callbacks, history, bar]
                if backup is not None:
                    chosen.append(backup)
                params = {
                    "epochs": settings.epochs,
                    "steps": source.steps,
                    "samples": source.samples,
                    "batch_size": None if settings.is_stream else settings.batch_size,
                    "verbose": verbose,
                    "resume": resume,
                }
                with CallbackList(chosen, self, params, comm.rank) as active:
                    self.history, self.stop_training = history, False
                    self._run(setup, source, evaluation, active, backup, bar, settings)
        return history

    def _check_data(
        self, data: tuple[Any, Any, Any], compiled: Compiled, settings: FitSettings
    ) -> tuple[Any, Any, Any]:
        """Return inputs, targets and weights, or a stream, None and None; build the model."""
        x, y, weights = data
        if y is not None:
            return check_weighted(self, compiled.loss, data, settings.class_weight)
        refuse_weights(weights, settings.class_weight)
        stream = open_stream(
            self, compiled.loss, x, settings.steps_per_epoch, settings.class_weight
        )
        return stream, None, None

    def _validation(
        self, data: Any, compiled: Compiled, settings: FitSettings, comm: Communicator
    ) -> Evaluation | None:
        """Return the evaluation after each epoch; None without data."""
        if data is None:
            return None
        batch_size = max(settings.batch_size, EVALUATION_BATCH)
        is_stream = is_stream_of_pairs(data)
        return self._evaluation(comm, compiled, data, batch_size, is_stream, settings.prefetch)

    def _epochs(
        self, setup: TrainingSetup, data: tuple[Any, Any, Any], settings: FitSettings
    ) -> Epochs:
        """Return the source of the batches of checked data."""
        x, y, weights = data
        if y is None:
            how = settings.steps_per_epoch, settings.class_weight, settings.prefetch
            return StreamEpochs(setup, x, *how, settings.augment)
        rows = settings.batch_size
        share = Share(setup.comm, rows)
        loader = BatchLoader(self, x, y, rows, weights, settings.augment, share)
        return ArrayEpochs(setup, loader, settings.shuffle)

    def _run(
        self,
        setup: TrainingSetup,
        source: Epochs,
        evaluation: Evaluation | None,
        callbacks: CallbackList,
        backup: Backup | None,
        bar: ProgressBar,
        settings: FitSettings,
    ) -> None:
        """Run the epochs, from where the backup ends."""
        first = settings.initial_epoch
        callbacks.on_train_begin({})
        if backup is not None:
            first = backup.restore(callbacks, first)
            source.pass_over(first - settings.initial_epoch)
            if setup.comm.rank == 0 and (line := backup.nothing_left(settings.epochs)):
                bar.say(line)
        todo = range(first, settings.epochs)
        run_epochs(setup, todo, source, evaluation, callbacks, lambda: self.stop_training)
        if self.optimizer.use_ema:
            self.assign_average_weights()
        callbacks.on_train_end({})


def _backup(
    model: Fitting, path: str | Path | None, resume: bool, comm: Communicator, settings: FitSettings
) -> Backup | None:
    """Return the callback that saves the training to `path`; None without a path."""
    if path is None and resume:
        raise ValueError("resume=True needs the path of a checkpoint to resume from")
    return None if path is None else Backup(model, path, resume, comm, settings.of_batches)
