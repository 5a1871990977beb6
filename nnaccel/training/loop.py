"""The training loop over epochs, and evaluation."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Callable, Iterable, Iterator, Sized
from typing import Any, Protocol

import numpy as np

from nnaccel.backends import Array, to_numpy
from nnaccel.training.batch_loader import BatchLoader
from nnaccel.training.callbacks import CallbackList
from nnaccel.training.checks import check_batch
from nnaccel.training.step import LazyMeans, Logs, StepRunner, TrainingSetup

_SHUFFLES = 2  # keeps their random numbers apart from those of weights and dropout
_KEPT_SHAPES = 16  # of a stream's batches: their recorded steps are kept

Begin = Callable[[int], None] | None


class DivergenceError(ArithmeticError):
    """The loss became NaN or infinite; the model was put back to where the epoch began."""


class Evaluation:
    """Loss and metrics over one data set, recorded once and run as often as asked."""

    def __init__(self, plan: TrainingSetup, feed: BatchLoader) -> None:
        self._plan, self._pass = plan, StepRunner(plan, feed, training=False)

    def run(self) -> Logs:
        """Return the means of the loss, with penalties, and of the metrics."""
        rows = self._pass.feed.rows
        self._plan.tally.reset()
        for _ in self._pass.chunks(np.arange(rows), begin=None):
            pass
        self._plan.add_penalties(rows)
        return self._plan.tally.means()


class Epochs(Protocol):
    """Where batches come from.

    Attributes
    ----------
    steps, samples : int or None
        Batches and rows in an epoch, where that is known.
    """

    steps: int | None
    samples: int | None

    def run(self, begin: Begin) -> Iterator[int]:
        """Train for the next epoch, as `StepRunner.chunks` does."""


class ArrayEpochs:
    """Epochs over arrays, shuffled by (seed, epoch) alone."""

    def __init__(self, plan: TrainingSetup, feed: BatchLoader, shuffle: bool) -> None:
        self._network, self._shuffle = plan.network, shuffle
        self._pass, self._rows = StepRunner(plan, feed, training=True), feed.rows
        self.steps: int | None = -(-feed.rows // feed.batch_size)
        self.samples: int | None = feed.rows

    def run(self, begin: Begin) -> Iterator[int]:
        """Train for the next epoch."""
        order = np.arange(self._rows)
        if self._shuffle:
            seed = self._network.seed, self._network.epochs, _SHUFFLES
            order = np.random.default_rng(seed).permutation(order)
        yield from self._pass.chunks(order, begin)


class StreamEpochs:
    """Epochs over an iterable of (x, y) batches; steps are recorded once for each batch shape."""

    def __init__(self, plan: TrainingSetup, batches: Iterable[Any]) -> None:
        self._plan, self._batches = plan, batches
        self._passes: dict[tuple[Any, ...], StepRunner] = {}
        self.steps: int | None = len(batches) if isinstance(batches, Sized) else None
        self.samples: int | None = None

    def run(self, begin: Begin) -> Iterator[int]:
        """Run through the iterable once."""
        done = 0
        for batch in self._batches:
            x, targets = check_batch(self._plan.network, self._plan.loss, batch, done)
            if begin is not None:
                begin(done)
            self._train_on(x, targets)
            done += 1
            yield done
        if not done:
            raise ValueError(
                "the iterable of batches gave none this epoch: a generator runs only once, so "
                "give a list, or an object whose __iter__ starts anew"
            )

    def _train_on(self, x: Array, targets: np.ndarray) -> None:
        recorded, backend = self._pass_for(x, targets), self._plan.network.backend
        # On a GPU CuPy puts what it is given into pinned memory first, and does not wait for it.
        recorded.feed.x[...] = backend.asarray(x).reshape(recorded.feed.x.shape)
        recorded.feed.targets[...] = backend.asarray(targets)
        for _ in recorded.chunks(np.arange(len(x)), begin=None):
            pass

    def _pass_for(self, x: Array, targets: np.ndarray) -> StepRunner:
        """Return the pass over batches of this shape, of which the oldest are forgotten."""
        key = (x.shape, x.dtype.str, targets.ndim)
        if key not in self._passes:
            if len(self._passes) == _KEPT_SHAPES:
                del self._passes[next(iter(self._passes))]
            # Copies, since later batches of this shape are written over them.
            feed = BatchLoader(self._plan.network, x.copy(), targets.copy(), len(x))
            self._passes[key] = StepRunner(self._plan, feed, training=True)
        return self._passes[key]


def run_epochs(
    plan: TrainingSetup,
    epochs: range,
    source: Epochs,
    evaluation: Evaluation | None,
    callbacks: CallbackList,
    should_stop: Callable[[], bool],
) -> None:
    """Train for the given epochs, telling callbacks and adding the validation's results.

    Raises
    ------
    DivergenceError
        If the loss becomes NaN or infinite; weights are those of the last whole epoch.
    """
    for epoch in epochs:
        if should_stop():
            break
        callbacks.on_epoch_begin(epoch, {})
        with _told_if_idle(plan, epoch), _undone_if_diverging(plan, epoch):
            logs = _run_epoch(plan, source, callbacks)
        plan.network.epochs += 1
        if evaluation is not None:
            logs |= {f"val_{name}": value for name, value in evaluation.run().items()}
        callbacks.on_epoch_end(epoch, logs)


def _run_epoch(plan: TrainingSetup, source: Epochs, callbacks: CallbackList) -> Logs:
    """Train for one epoch and return its mean loss and metrics."""
    plan.tally.reset()

    def begin(batch: int) -> None:
        callbacks.on_train_batch_begin(batch, {})

    for done in source.run(begin if callbacks.wants_batches else None):
        if callbacks.wants_batches:
            callbacks.on_train_batch_end(done - 1, plan.tally.means())
        callbacks.on_progress(done, LazyMeans(plan.tally))
    return plan.tally.means()


@contextlib.contextmanager
def _told_if_idle(plan: TrainingSetup, epoch: int) -> Iterator[None]:
    """Warn if gradients overflowed in all steps of the block, so that none made an update.

    A single one in the middle of a training is no news: a larger factor is tried now and then.
    """
    network, scale = plan.network, plan.loss_scale
    if scale is None:
        yield
        return
    before, factor = to_numpy(network.iterations).copy(), scale.factor
    yield
    is_idle = to_numpy(network.iterations) == before
    if is_idle and (not before or scale.factor < factor / 2):
        warnings.warn(
            f"float16 gradients overflowed in every step of epoch {epoch + 1}, so nothing was "
            f"learnt in it; the loss scale is down to {scale.factor:g} and falls on. "
            "Bring inputs and targets to a scale near 1, or take dtype='mixed_bfloat16'",
            stacklevel=5,  # the call of fit
        )


@contextlib.contextmanager
def _undone_if_diverging(plan: TrainingSetup, epoch: int) -> Iterator[None]:
    """Put all that training changes back if the block ends with numbers that are not finite."""
    network = plan.network
    arrays = [network.weights, network.states, plan.slots, network.iterations]
    if plan.loss_scale is not None:
        arrays.append(plan.loss_scale.state)
    copies = [array.copy() for array in arrays]
    yield
    what = _what_diverged(plan)
    if what is None:
        return
    for array, copy in zip(arrays, copies, strict=True):
        array[...] = copy
    narrow = ", or take 'mixed_bfloat16': float16 ends at 65,504" * network.policy.scales_loss
    raise DivergenceError(
        f"the {what} in epoch {epoch + 1}; the model is as it was before that epoch. Lower the "
        f"learning rate, clip gradients, or look for extreme values in the data{narrow}"
    )


def _what_diverged(plan: TrainingSetup) -> str | None:
    """Tell what is not finite after an epoch; None if all is."""
    network, loss = plan.network, plan.tally.means()["loss"]
    isfinite, scale = network.backend.xp.isfinite, plan.loss_scale
    if not np.isfinite(loss):
        return f"loss became {loss}"
    if not (isfinite(network.weights).all() and isfinite(network.states).all()):
        return "weights became NaN or infinite"
    if scale is not None and scale.is_least:
        return "gradients stayed NaN or infinite, however small the loss scale,"
    return None
