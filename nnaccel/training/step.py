"""One step of training: recorded once for each batch size, then replayed many at a time."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from nnaccel import ops
from nnaccel.backends import Array, Replay, to_numpy
from nnaccel.network.chain import Network
from nnaccel.optim import Clock, Optimizer
from nnaccel.optim.loss_scale import LossScale
from nnaccel.training import metrics as counting
from nnaccel.training.batch_loader import BatchLoader
from nnaccel.training.losses import Loss

_CHUNK_SECONDS = 0.1  # how long replays run before callbacks and Ctrl-C are looked at

Logs = dict[str, float]


class MetricSums:
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


class LazyMeans(Mapping[str, float]):
    """The means of a tally, read off the device when somebody first asks for one."""

    def __init__(self, tally: MetricSums) -> None:
        self._tally = tally

    @cached_property
    def _means(self) -> Logs:
        return self._tally.means()

    def __getitem__(self, name: str) -> float:
        return self._means[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._means)

    def __len__(self) -> int:
        return len(self._means)


@dataclass
class TrainingSetup:
    """What is trained and how.

    Attributes
    ----------
    network : Network
    loss : Loss
    optimizer : Optimizer
    metrics : list of str
    slots : array, shape (len(optimizer.slots), n), or None
        Optimiser state, on the network's backend; None if this is only to evaluate.
    loss_scale : LossScale or None
        None where gradients are not scaled.
    """

    network: Network
    loss: Loss
    optimizer: Optimizer
    metrics: list[str]
    slots: Array = None
    loss_scale: LossScale | None = None

    def __post_init__(self) -> None:
        self.fused = self.network.layers[-1].activation == self.loss.fused_activation
        self.tally = MetricSums(self.network, self.metrics)

    def forward(
        self, x: Array, targets: Array, weights: Array | None, training: bool
    ) -> tuple[Callable[[Array], Array | None], Array]:
        """Run network and loss on a batch, and count; return the backward and its argument."""
        backend = self.network.backend
        outputs, run_back = self.network.forward(x, training, activate=not self.fused)
        losses, gradient = self.loss.rows(backend, outputs, targets, self.fused)
        if weights is not None:
            backend.kernels.weigh(weights, losses, gradient)
        backend.kernels.add_sum(losses, self.tally["loss"])
        scores, logits = outputs, self.fused
        is_softmax = self.fused and self.loss.fused_activation == "softmax"
        if is_softmax and "binary_accuracy" in self.metrics:
            # Logits have the order of the probabilities, but do not show which exceed a half.
            scores, logits = ops.softmax(outputs), False
        for name in self.metrics:
            counting.count(name, backend, scores, targets, logits, self.tally[name])
        return run_back, gradient

    def find_gradients(self, x: Array, targets: Array, weights: Array | None) -> None:
        """Fill the network's gradients with those of a batch's mean loss and the penalties."""
        run_back, gradient = self.forward(x, targets, weights, training=True)
        if self.loss_scale is not None:
            self.loss_scale.scale(gradient)
        run_back(gradient)
        if self.loss_scale is not None:
            self.loss_scale.unscale(self.network.gradients)
        kernels = self.network.backend.kernels
        for layer in self.network.layers:
            if layer.penalty:
                w, dw = layer.params["w"].reshape(-1), layer.grads["w"].reshape(-1)
                kernels.add_penalty(w, layer.penalty.l1, layer.penalty.l2, dw)
        self.add_penalties(len(x))

    def add_penalties(self, rows: int) -> None:
        """Count the penalties as part of the loss of each of `rows` rows."""
        kernels = self.network.backend.kernels
        for layer in self.network.layers:
            if layer.penalty:
                w, l1, l2 = layer.params["w"].reshape(-1), layer.penalty.l1, layer.penalty.l2
                kernels.penalty(w, rows * l1, rows * l2, self.tally["loss"])


class StepRunner:
    """One way through a feed: forward and loss, and for training backward and update too."""

    def __init__(self, plan: TrainingSetup, feed: BatchLoader, training: bool) -> None:
        self.plan, self.feed, self._training = plan, feed, training
        self._step = self._train if training else self._test
        self._rates = plan.network.backend.xp.zeros(-(-feed.rows // feed.batch_size))
        self._replays: dict[int, Replay] = {}

    def chunks(self, order: np.ndarray, begin: Callable[[int], None] | None) -> Iterator[int]:
        """Run through the feed once.

        Parameters
        ----------
        order : array of int
            Of the rows.
        begin : callable, optional
            Called with the number of each batch before it runs; without it many run at a time.

        Yields
        ------
        int
            Number of batches done so far.
        """
        self.feed.start(order)
        before = int(to_numpy(self.plan.network.iterations)[0]) if self._training else 0
        if begin is None:
            self._set_rates(0, before, len(self._rates))
        full, rest = divmod(self.feed.rows, self.feed.batch_size)
        done, count = 0, 1
        while done < full:
            if begin is not None:
                begin(done)
                self._set_rates(done, before + done, 1)
            began = time.perf_counter()
            self._run(self.feed.batch_size, count)
            spent = time.perf_counter() - began
            done += count
            yield done
            wanted = int(count * _CHUNK_SECONDS / max(spent, 1e-9))
            count = 1 if begin is not None else min(full - done, 4 * count, max(1, wanted))
        if rest:
            if begin is not None:
                begin(done)
                self._set_rates(done, before + done, 1)
            self._run(rest, 1)
            yield done + 1

    def _set_rates(self, batch: int, step: int, count: int) -> None:
        """Note the learning rates of batches from `batch` on, which make updates from `step` on."""
        if not self._training:
            return
        rates = self.plan.optimizer.rates(step, count)
        self._rates[batch : batch + count] = self.plan.network.backend.asarray(rates)

    def _run(self, rows: int, repeats: int) -> None:
        """Run some batches of `rows` rows."""
        if rows not in self._replays:
            self.plan.network.bind_layers()  # a slice may have been trained meanwhile
            self._replays[rows] = self.plan.network.backend.record(lambda: self._step(rows))
        with np.errstate(all="ignore"):  # a loss that is no longer finite is found by its value
            self._replays[rows](repeats)
        self.plan.tally.rows += rows * repeats

    def _test(self, rows: int) -> None:
        self.plan.forward(*self.feed.batch(rows), training=False)
        self.plan.network.backend.kernels.advance(self.feed.cursor)

    def _train(self, rows: int) -> None:
        plan, network = self.plan, self.plan.network
        kernels, optimizer = network.backend.kernels, plan.optimizer
        plan.find_gradients(*self.feed.batch(rows))
        each = [g for layer in network.layers for g in layer.grads.values()]
        optimizer.clip(kernels, network.gradients, each)
        clock = Clock(self._rates, self.feed.cursor, network.iterations)
        if plan.loss_scale is not None:
            plan.loss_scale.adjust(clock.rates, clock.batch)
        optimizer.update(kernels, network.weights, network.gradients, plan.slots, clock)
        kernels.finish_step(clock.rates, clock.batch, clock.steps)
