"""The training loop: steps recorded once for each batch shape, then replayed many at a time."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from nnaccel import metrics as counting
from nnaccel.backends import Array, Replay, loop, to_numpy
from nnaccel.callbacks import CallbackList
from nnaccel.feed import Feed, check_pair
from nnaccel.losses import Loss
from nnaccel.network import Network
from nnaccel.optim import Optimizer

_CHUNK_SECONDS = 0.1  # how long replays run before callbacks and Ctrl-C are looked at

Logs = dict[str, float]


class DivergenceError(ArithmeticError):
    """The loss became NaN or infinite; the model was put back to where the epoch began."""


class Tally:
    """Sums of losses and metrics over the rows seen, kept on the device."""

    def __init__(self, network: Network, names: list[str]) -> None:
        self._names = ["loss", *names]
        self._totals = [network.backend.asarray(np.zeros(1)) for _ in self._names]
        self.rows = 0

    def __getitem__(self, name: str) -> Array:
        return self._totals[self._names.index(name)]

    def reset(self) -> None:
        """Start counting anew."""
        self.rows = 0
        for total in self._totals:
            total[...] = 0

    def means(self) -> Logs:
        """Return the means over the rows seen so far."""
        totals = [float(to_numpy(total)[0]) for total in self._totals]
        return {n: t / max(1, self.rows) for n, t in zip(self._names, totals, strict=True)}


@dataclass
class Plan:
    """What is trained and how.

    Attributes
    ----------
    network : Network
    loss : Loss
    optimizer : Optimizer
    metrics : list of str
    slots : array, shape (len(optimizer.slots), n)
        Optimiser state, on the network's backend.
    """

    network: Network
    loss: Loss
    optimizer: Optimizer
    metrics: list[str]
    slots: Array = None

    def __post_init__(self) -> None:
        self.fused = self.network.layers[-1].activation == self.loss.fused_activation
        self.tally = Tally(self.network, self.metrics)


class Pass:
    """One way through a feed: forward and loss, and for training backward and update too."""

    def __init__(self, plan: Plan, feed: Feed, training: bool) -> None:
        self.plan, self.feed = plan, feed
        self._body = self._train_step if training else self._test_step
        self._rate = np.zeros(-(-feed.rows // feed.batch_size))
        self._replays: dict[int, Replay] = {}

    def start(self, order: np.ndarray) -> None:
        """Begin an epoch, with the learning rates of its steps."""
        self.feed.start(order)
        first = int(self.plan.network.iterations[0])
        self._rate[...] = self.plan.optimizer.rates(first, len(self._rate))

    def chunks(self, one_by_one: bool = False) -> Iterator[int]:
        """Run the epoch, yielding the number of batches done so far from time to time."""
        full, rest = divmod(self.feed.rows, self.feed.batch_size)
        done, count = 0, 1
        while done < full:
            count = min(count, full - done)
            began = time.perf_counter()
            self._run(self.feed.batch_size, count)
            spent = time.perf_counter() - began
            done += count
            yield done
            wanted = int(count * _CHUNK_SECONDS / max(spent, 1e-9))
            count = 1 if one_by_one else max(1, min(wanted, 4 * count))
        if rest:
            self._run(rest, 1)
            yield done + 1

    def _run(self, rows: int, repeats: int) -> None:
        if rows not in self._replays:
            network = self.plan.network
            record = network.backend.record if network.recordable else loop
            self._replays[rows] = record(lambda: self._body(rows))
        self._replays[rows](repeats)
        self.plan.tally.rows += rows * repeats

    def _test_step(self, rows: int) -> None:
        self._forward(rows, training=False)
        self.plan.network.backend.kernels.advance(self.feed.cursor)

    def _train_step(self, rows: int) -> None:
        plan, network = self.plan, self.plan.network
        kernels = network.backend.kernels
        run_back, gradient = self._forward(rows, training=True)
        run_back(gradient)
        weights, gradients = network.weights, network.gradients
        for layer in network.layers:
            if layer.penalty:
                w, dw = layer.params["w"].reshape(-1), layer.grads["w"].reshape(-1)
                l1, l2 = layer.penalty.l1, layer.penalty.l2
                kernels.penalty(w, rows * l1, rows * l2, plan.tally["loss"])
                kernels.add_penalty(w, l1, l2, dw)
        each = [g for layer in network.layers for g in layer.grads.values()]
        plan.optimizer.clip(kernels, gradients, each)
        counters = self.feed.cursor, network.iterations
        plan.optimizer.update(kernels, weights, gradients, plan.slots, self._rate, *counters)
        for counter in counters:
            kernels.advance(counter)

    def _forward(self, rows: int, training: bool) -> tuple[Callable[[Array], Any], Array]:
        """Run the network and the loss on the next batch, and count; return what backward needs."""
        plan, backend = self.plan, self.plan.network.backend
        x, targets = self.feed.inputs(rows), self.feed.outputs(rows)
        outputs, run_back = plan.network.forward(x, training, activate=not plan.fused)
        losses, gradient = plan.loss.rows(backend, outputs, targets, plan.fused)
        backend.kernels.add_sum(losses, plan.tally["loss"])
        for name in plan.metrics:
            counting.count(name, backend, outputs, targets, plan.fused, plan.tally[name])
        return run_back, gradient


@dataclass
class Evaluation:
    """Loss and metrics over one data set, recorded once and run as often as asked."""

    plan: Plan
    x: Array
    targets: np.ndarray
    batch_size: int
    _pass: Pass = field(init=False)

    def __post_init__(self) -> None:
        feed = Feed(self.plan.network, self.x, self.targets, self.batch_size)
        self._pass = Pass(self.plan, feed, training=False)

    def run(self) -> Logs:
        """Return the means of the loss and the metrics."""
        self.plan.tally.reset()
        self._pass.start(np.arange(self._pass.feed.rows))
        for _ in self._pass.chunks():
            pass
        logs = self.plan.tally.means()
        for layer in self.plan.network.layers:
            if layer.penalty:
                w = to_numpy(layer.params["w"]).astype(np.float64)
                logs["loss"] += (
                    layer.penalty.l1 * np.abs(w).sum() + layer.penalty.l2 * (w * w).sum()
                )
        return logs


class ArrayEpochs:
    """Epochs over arrays, shuffled by (seed, epoch) alone."""

    def __init__(self, plan: Plan, x: Array, targets: np.ndarray, batch_size: int, shuffle: bool):
        self._plan, self._shuffle = plan, shuffle
        self._pass = Pass(plan, Feed(plan.network, x, targets, batch_size), training=True)
        self.steps: int | None = -(-len(x) // batch_size)
        self.samples: int | None = len(x)

    def run(self, one_by_one: bool) -> Iterator[int]:
        """Run the next epoch, yielding batches done so far."""
        network = self._plan.network
        order = np.arange(self._pass.feed.rows)
        if self._shuffle:
            order = np.random.default_rng([network.seed, network.epochs]).permutation(order)
        self._pass.start(order)
        yield from self._pass.chunks(one_by_one)


class StreamEpochs:
    """Epochs over an iterable of (x, y) batches; steps are recorded once for each batch shape."""

    def __init__(self, plan: Plan, batches: Iterable[tuple[Any, Any]]) -> None:
        self._plan, self._batches = plan, batches
        self._passes: dict[tuple[Any, ...], Pass] = {}
        self.steps: int | None = len(batches) if hasattr(batches, "__len__") else None
        self.samples: int | None = None

    def run(self, one_by_one: bool) -> Iterator[int]:
        """Run through the iterable once, yielding batches done so far."""
        done = 0
        for done, (x, y) in enumerate(self._batches, 1):
            self._train_on(*check_pair(self._plan.network, self._plan.loss, x, y))
            yield done
        if not done:
            raise ValueError(
                "the iterable of batches gave none this epoch: a generator runs only once, so "
                "give a list, or an object whose __iter__ starts anew"
            )

    def _train_on(self, x: Array, targets: np.ndarray) -> None:
        key = (x.shape, x.dtype.str, targets.ndim)
        if key not in self._passes:
            # Copies, since later batches of this shape are written over them.
            feed = Feed(self._plan.network, x.copy(), targets.copy(), len(x))
            self._passes[key] = Pass(self._plan, feed, training=True)
        recorded = self._passes[key]
        backend = self._plan.network.backend
        recorded.feed.x[...] = backend.asarray(x).reshape(recorded.feed.x.shape)
        assert recorded.feed.targets is not None
        recorded.feed.targets[...] = backend.asarray(targets)
        recorded.start(np.arange(len(x)))
        for _ in recorded.chunks():
            pass


def run_epochs(
    plan: Plan,
    epochs: range,
    source: ArrayEpochs | StreamEpochs,
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
        saved = Snapshot(plan)
        callbacks.on_epoch_begin(epoch, {})
        logs = _run_epoch(plan, source, callbacks)
        if not np.isfinite(logs["loss"]):
            saved.restore()
            raise DivergenceError(
                f"the loss became {logs['loss']} in epoch {epoch + 1}; the model is as it was "
                "before that epoch. Lower the learning rate, clip gradients, or look for extreme "
                "values in the data"
            )
        plan.network.epochs += 1
        if evaluation is not None:
            logs |= {f"val_{name}": value for name, value in evaluation.run().items()}
        callbacks.on_epoch_end(epoch, logs)


def _run_epoch(plan: Plan, source: ArrayEpochs | StreamEpochs, callbacks: CallbackList) -> Logs:
    """Train for one epoch and return its mean loss and metrics."""
    plan.tally.reset()
    if callbacks.wants_batches:
        callbacks.on_train_batch_begin(0, {})
    for done in source.run(callbacks.wants_batches):
        logs = plan.tally.means()
        if callbacks.wants_batches:
            callbacks.on_train_batch_end(done - 1, logs)
            if done != source.steps:
                callbacks.on_train_batch_begin(done, {})
        callbacks.on_progress(done, logs)
    return plan.tally.means()


class Snapshot:
    """A copy of all that training changes."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._copies = [array.copy() for array in self._arrays()]

    def restore(self) -> None:
        """Put everything back."""
        for array, copy in zip(self._arrays(), self._copies, strict=True):
            array[...] = copy

    def _arrays(self) -> list[Array]:
        return [self._plan.network.weights, self._plan.slots, self._plan.network.iterations]
