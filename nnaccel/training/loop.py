"""The training loop over epochs, and evaluation."""

from __future__ import annotations

import contextlib
import copy
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Protocol

import numpy as np

from nnaccel._validate import warn_caller
from nnaccel.backends import Array, to_numpy
from nnaccel.training.batch_loader import BatchLoader
from nnaccel.training.callbacks._list import CallbackList
from nnaccel.training.checks import check_batch
from nnaccel.training.communicator import Communicator
from nnaccel.training.metric_sums import LazyMeans, Logs
from nnaccel.training.setup import TrainingSetup
from nnaccel.training.share import Share
from nnaccel.training.step import AfterBatches, BeforeBatch, StepRunner
from nnaccel.training.streams import Stream

_SHUFFLES = 2  # stream of random numbers, apart from those of weights and dropout
_KEPT_SHAPES = 16  # batch shapes of a stream whose recorded steps are kept


class DivergenceError(ArithmeticError):
    """The loss became NaN or infinite; the model is restored to the beginning of the epoch."""


class Evaluation:
    """Loss and metrics over one data set; the step is recorded once."""

    def __init__(self, setup: TrainingSetup, loader: BatchLoader) -> None:
        self._setup, self._runner = setup, StepRunner(setup, loader, training=False)

    def run(self) -> Logs:
        """Return the mean loss, with penalties, and the metrics."""
        rows = self._runner.loader.rows
        self._setup.sums.reset()
        self._runner.run(np.arange(rows))
        if self._setup.comm.rank == 0:  # the sums are of all ranks, and penalties of none's rows
            self._setup.sums.shard = 0
            self._setup.add_penalties(rows)
        return self._setup.sums.means()


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
        order = np.arange(self._rows)
        if self._shuffle:
            seed = self._network.seed, self._network.epochs, _SHUFFLES
            order = np.random.default_rng(seed).permutation(order)
        self._runner.run(order, before, after)

    def pass_over(self, epochs: int) -> None:
        """As `Epochs.pass_over`; the network's own count of epochs decides the order."""


class StreamEpochs:
    """Epochs over an iterable of (x, y) batches; a step is recorded for each batch shape."""

    def __init__(
        self, setup: TrainingSetup, batches: Iterable[Any], steps: int | None = None
    ) -> None:
        self._setup, self._stream = setup, Stream(batches, steps)
        self._runners: dict[tuple[Any, ...], StepRunner] = {}
        self._knows_scale = False
        self.steps: int | None = self._stream.steps
        self.samples: int | None = None

    def run(self, before: BeforeBatch, after: AfterBatches) -> None:
        """As `Epochs.run`."""
        network = self._setup.network
        # The device is asked once an epoch: batches are counted here, so that none waits for it.
        steps = int(to_numpy(network.iterations)[0])
        for done, batch in enumerate(self._stream.epoch()):
            x, targets = check_batch(network, self._setup.loss, batch, done)
            if before is not None:
                before(done)
            network.input_scale.learn(x, network.input_shape, more=self._knows_scale)
            self._knows_scale = True
            self._train_on(x, targets, steps + done)
            after(done + 1)

    def pass_over(self, epochs: int) -> None:
        """As `Epochs.pass_over`."""
        self._stream.pass_over(epochs)

    def _train_on(self, x: Array, targets: np.ndarray, steps: int) -> None:
        runner, backend = self._runner_for(x, targets), self._setup.network.backend
        # On a GPU, CuPy copies through pinned memory and does not wait.
        runner.loader.x[...] = backend.asarray(x).reshape(runner.loader.x.shape)
        runner.loader.targets[...] = backend.asarray(targets)
        runner.run(np.arange(len(x)), steps=steps)

    def _runner_for(self, x: Array, targets: np.ndarray) -> StepRunner:
        """Return the runner of batches of this shape; the oldest ones are dropped."""
        key = (x.shape, x.dtype.str, targets.ndim)
        if key not in self._runners:
            if len(self._runners) == _KEPT_SHAPES:
                del self._runners[next(iter(self._runners))]
            # Copies: later batches of this shape overwrite them.
            share = Share(self._setup.comm, len(x))
            loader = BatchLoader(self._setup.network, x.copy(), targets.copy(), len(x), share=share)
            self._runners[key] = StepRunner(self._setup, loader, training=True)
        return self._runners[key]


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
        with _warn_if_no_update(setup, epoch), _restore_if_diverging(setup, epoch):
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


@contextlib.contextmanager
def _warn_if_no_update(setup: TrainingSetup, epoch: int) -> Iterator[None]:
    """Warn if gradients overflowed in all steps of the block, so that none made an update.

    No warning for a single step after others: the loss scale is doubled from time to time.
    """
    network, scale = setup.network, setup.loss_scale
    if scale is None:
        yield
        return
    before, factor = to_numpy(network.iterations).copy(), scale.factor
    yield
    is_idle = to_numpy(network.iterations) == before
    if is_idle and (not before or scale.factor < factor / 2):
        warn_caller(
            f"float16 gradients overflowed in every step of epoch {epoch + 1}, so nothing was "
            f"learnt; the loss scale is down to {scale.factor:g} and still falling. To fix: "
            "rescale inputs and targets to about 1, or use dtype='mixed_bfloat16'"
        )


@contextlib.contextmanager
def _restore_if_diverging(setup: TrainingSetup, epoch: int) -> Iterator[None]:
    """Restore weights, states and optimiser if the block ends with numbers that are not finite."""
    network = setup.network
    arrays = [network.weights, network.states, setup.slots, network.iterations]
    if setup.loss_scale is not None:
        arrays.append(setup.loss_scale.state)
    copies, scale = [array.copy() for array in arrays], copy.copy(network.input_scale)
    yield
    what = _what_diverged(setup)
    if what is None:
        return
    for array, kept in zip(arrays, copies, strict=True):
        array[...] = kept
    vars(network.input_scale).update(vars(scale))
    narrow = ", or use 'mixed_bfloat16': float16 ends at 65,504" * network.policy.scales_loss
    raise DivergenceError(
        f"the {what} in epoch {epoch + 1}; the model is as it was before that epoch. Lower the "
        f"learning rate, clip gradients, or look for extreme values in the data{narrow}"
    )


def _what_diverged(setup: TrainingSetup) -> str | None:
    """Return what is not finite after an epoch, in words; None if everything is finite."""
    network, loss = setup.network, setup.sums.means()["loss"]
    isfinite, scale = network.backend.xp.isfinite, setup.loss_scale
    if not np.isfinite(loss):
        return f"loss became {loss}"
    if not (isfinite(network.weights).all() and isfinite(network.states).all()):
        return "weights became NaN or infinite"
    if scale is not None and scale.is_least:
        return "gradients stayed NaN or infinite even with the smallest loss scale,"
    return None
