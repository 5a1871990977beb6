"""The training loop over epochs, and evaluation."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, Protocol

import numpy as np

from nnaccel.backends import to_numpy
from nnaccel.training.agreement import Batch, in_step
from nnaccel.training.augment import Augment
from nnaccel.training.batch_loader import BatchLoader
from nnaccel.training.batch_runners import BatchRunners
from nnaccel.training.callbacks._list import CallbackList
from nnaccel.training.checks import check_batch
from nnaccel.training.communicator import Communicator
from nnaccel.training.divergence import restore_if_diverging, warn_if_no_update
from nnaccel.training.metric_sums import LazyMeans, Logs
from nnaccel.training.setup import TrainingSetup
from nnaccel.training.step import AfterBatches, BeforeBatch, StepRunner
from nnaccel.training.streams import Stream

_SHUFFLES = 2  # stream of random numbers, apart from those of weights and dropout


class Evaluation(Protocol):
    """Loss and metrics over one data set.

    Attributes
    ----------
    rows : int or None
        How many; None if unknown.
    """

    rows: int | None

    def run(self) -> Logs:
        """Return the mean loss, with penalties, and the metrics."""


class ArrayEvaluation:
    """An evaluation on arrays; the step is recorded once."""

    def __init__(self, setup: TrainingSetup, loader: BatchLoader) -> None:
        self._setup, self._runner = setup, StepRunner(setup, loader, training=False)
        self.rows: int | None = loader.rows

    def run(self) -> Logs:
        """As `Evaluation.run`."""
        rows = self._runner.loader.rows
        self._setup.sums.reset()
        self._runner.run(np.arange(rows))
        self._setup.add_tested_penalties(rows)
        return self._setup.sums.means()


class StreamEvaluation:
    """An evaluation on an iterable of batches, begun anew in every run."""

    def __init__(self, setup: TrainingSetup, batches: Iterable[Any], prefetch: int = 0) -> None:
        self._setup, self._stream = setup, Stream(batches, ahead=prefetch)
        self._runners = BatchRunners(setup, training=False)
        self.rows: int | None = None

    def run(self) -> Logs:
        """As `Evaluation.run`."""
        setup = self._setup
        setup.sums.reset()
        for batch in in_step(setup.comm, _checked(setup, self._stream)):
            self._runners.run(*batch)
        setup.add_tested_penalties(setup.sums.rows)
        return setup.sums.means()


class Epochs(Protocol):
    """A source of batches.

    Attributes
    ----------
    steps, samples : int or None
        Batches and rows in an epoch; None if unknown.
    """

    steps: int | None
    samples: int | None

    def run(self, before: BeforeBatch, after: AfterBatches) -> None:
        """Train for one epoch, with the hooks of `StepRunner.run`."""

    def pass_over(self, epochs: int) -> None:
        """Leave out the batches of epochs that were trained in an earlier process."""


class ArrayEpochs:
    """Epochs over arrays, shuffled by (seed, epoch)."""

    def __init__(self, setup: TrainingSetup, loader: BatchLoader, shuffle: bool) -> None:
        self._network, self._shuffle = setup.network, shuffle
        self._knows_scale = False
        self._runner, self._rows = StepRunner(setup, loader, training=True), loader.rows
        self.steps: int | None = -(-loader.rows // loader.batch_size)
        self.samples: int | None = loader.rows

    def run(self, before: BeforeBatch, after: AfterBatches) -> None:
        """As `Epochs.run`."""
        if not self._knows_scale:
            self._runner.loader.learn_scale()
            self._knows_scale = True
        if self._runner.loader.augmenter is not None:
            self._runner.loader.augmenter.epoch[...] = self._network.epochs
        order = np.arange(self._rows)
        if self._shuffle:
            seed = self._network.seed, self._network.epochs, _SHUFFLES
            order = np.random.default_rng(seed).permutation(order)
        self._runner.run(order, before, after)

    def pass_over(self, epochs: int) -> None:
        """As `Epochs.pass_over`; the network's own count of epochs decides the order."""


class StreamEpochs:
    """Epochs over an iterable of batches."""

    def __init__(
        self,
        setup: TrainingSetup,
        batches: Iterable[Any],
        steps: int | None = None,
        class_weight: Any = None,
        prefetch: int = 0,
        augment: Augment | None = None,
    ) -> None:
        self._setup, self._stream = setup, Stream(batches, steps, prefetch)
        self._class_weight = class_weight
        self._runners = BatchRunners(setup, training=True, augment=augment)
        self._knows_scale = False
        self.steps: int | None = self._stream.steps
        self.samples: int | None = None

    def run(self, before: BeforeBatch, after: AfterBatches) -> None:
        """As `Epochs.run`."""
        network = self._setup.network
        # The device is asked once an epoch: batches are counted here, so that none waits for it.
        steps, first_row = int(to_numpy(network.iterations)[0]), 0
        batches = _checked(self._setup, self._stream, self._class_weight)
        for done, (x, targets, weights) in enumerate(in_step(self._setup.comm, batches)):
            if before is not None:
                before(done)
            network.input_scale.learn(x, network.input_shape, more=self._knows_scale)
            self._knows_scale = True
            self._runners.run(x, targets, weights, steps + done, first_row)
            first_row += len(x)
            after(done + 1)

    def pass_over(self, epochs: int) -> None:
        """As `Epochs.pass_over`."""
        self._stream.pass_over(epochs)


def _checked(setup: TrainingSetup, stream: Stream, class_weight: Any = None) -> Iterator[Batch]:
    """Yield the batches of a stream's next epoch, each checked."""
    for number, batch in enumerate(stream.epoch()):
        yield check_batch(setup.network, setup.loss, batch, number, class_weight)


def run_epochs(
    setup: TrainingSetup,
    epochs: range,
    source: Epochs,
    evaluation: Evaluation | None,
    callbacks: CallbackList,
    should_stop: Callable[[], bool],
) -> None:
    """Train for the given epochs, with callbacks and validation.

    Raises
    ------
    DivergenceError
        If the loss becomes NaN or infinite; weights are those after the last complete epoch.
    """
    for epoch in epochs:
        if _any_stops(setup.comm, should_stop()):
            break
        callbacks.on_epoch_begin(epoch, {})
        with warn_if_no_update(setup, epoch), restore_if_diverging(setup, epoch):
            logs = _run_epoch(setup, source, callbacks)
        setup.network.epochs += 1
        if evaluation is not None:
            logs |= {f"val_{name}": value for name, value in evaluation.run().items()}
        callbacks.on_epoch_end(epoch, logs)


def _any_stops(comm: Communicator, wanted: bool) -> bool:
    """Whether a callback on any rank wants the training to stop."""
    return bool(comm.total(np.array([float(wanted)]))[0])


def _run_epoch(setup: TrainingSetup, source: Epochs, callbacks: CallbackList) -> Logs:
    """Train for one epoch and return its mean loss and metrics."""
    setup.sums.reset()

    def before(batch: int) -> None:
        callbacks.on_train_batch_begin(batch, {})

    def after(done: int) -> None:
        if callbacks.wants_batches:
            callbacks.on_train_batch_end(done - 1, setup.sums.means())
        callbacks.on_progress(done, LazyMeans(setup.sums))

    source.run(before if callbacks.wants_batches else None, after)
    return setup.sums.means()
