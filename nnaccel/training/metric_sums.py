"""Sums of losses and metrics over the rows of an epoch, on the device."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import TypeGuard

import numpy as np

from nnaccel.backends import Array, to_numpy
from nnaccel.network.chain import Network
from nnaccel.ops.activation import activate
from nnaccel.training.communicator import Communicator
from nnaccel.training.losses import Loss
from nnaccel.training.metrics import CountingMetric, Metric
from nnaccel.training.metrics.accuracy import accuracy_for
from nnaccel.training.pixels import pixels_of

Logs = dict[str, float]


class MetricSums:
    """Sum of the losses, and the metrics, over the rows seen.

    Each of this rank's shards has sums of its own, which `means` adds up in one order on any number
    of ranks.

    Attributes
    ----------
    shard : int
        Which of this rank's shards is being summed.
    rows : int
        Rows seen by all ranks; the caller counts them.
    """

    def __init__(
        self, network: Network, metrics: Sequence[Metric], loss: Loss, comm: Communicator
    ) -> None:
        self._backend, self._metrics, self._comm = network.backend, metrics, comm
        self._loss, self._chosen = loss, metrics
        ends_with = network.ending.activation
        self._activation = loss.last_activation if loss.from_logits else ends_with
        self._own = comm.shards // comm.size
        self._losses = self._zeros()
        self._totals = {metric.name: self._zeros() for metric in metrics if _is_counted(metric)}
        self._units, self._dtype = network.output_shape[0], network.dtype
        self._pixels = pixels_of(network.output_shape)
        self.shard = self.rows = 0

    def _zeros(self) -> Array:
        return self._backend.asarray(np.zeros(self._own))

    @property
    def loss(self) -> Array:
        """Sum of the losses of a shard's rows, an array of one float64 on the device."""
        return self._losses[self.shard : self.shard + 1]

    def fit_to(self, targets: Array) -> None:
        """Let 'accuracy' be that of classes or of labels, whichever the targets of a set are."""
        if targets.dtype.kind not in "iu":
            targets = targets.reshape(-1, self._units)
        if self._metrics is self._chosen:  # else an earlier batch decided: one sum, one meaning
            self._metrics = [
                accuracy_for(metric, self._activation, self._loss, targets)
                for metric in self._chosen
            ]

    def add(self, outputs: Array, targets: Array, logits_of: str) -> None:
        """Add a batch to all metrics, now or on the tape being recorded.

        Parameters
        ----------
        outputs, targets : array, shape (N, units) or (N * pixels, units)
        logits_of : str
            Last activation if the loss applies it, so that `outputs` are logits; else ''.
        """
        activated = None
        for metric in self._metrics:
            scores, logits = outputs, bool(logits_of)
            if logits_of and _needs_activation(metric, logits_of):
                activated = activate(logits_of, outputs) if activated is None else activated
                scores, logits = activated, False
            if _is_counted(metric):
                total = self._totals[metric.name][self.shard : self.shard + 1]
                metric.count(self._backend, scores, targets, logits, total)
            else:
                self._backend.host(self._update(metric, scores, targets))

    def add_none(self) -> None:
        """Take part in the metrics of a batch in which this rank's shard has no rows."""
        nothing = self._backend.empty((0, self._units), self._dtype)
        for metric in self._metrics:
            if not _is_counted(metric):
                self._backend.host(self._update(metric, nothing, nothing))

    def reset(self) -> None:
        """Set all sums to 0."""
        self.rows = 0
        for total in (self._losses, *self._totals.values()):
            total[...] = 0
        for metric in self._metrics:
            if metric.name not in self._totals:
                metric.reset()

    def means(self) -> Logs:
        """Return the mean loss and the metrics over the rows that all ranks have seen so far."""
        return self._divided(self._over_all(), self.rows)

    def own_means(self) -> Logs:
        """Return those over this rank's rows, without asking the others."""
        return self._divided(self._sums(), self.rows * self._own / self._comm.shards)

    def _sums(self) -> np.ndarray:
        """The sums of the loss and of each counted metric, for each shard: (sums, shards)."""
        return np.stack([to_numpy(a) for a in (self._losses, *self._totals.values())])

    def _over_all(self) -> np.ndarray:
        own, comm = self._sums(), self._comm
        every = np.zeros((len(own), comm.shards))
        every[:, comm.rank * self._own : (comm.rank + 1) * self._own] = own
        return comm.total(every)  # each is added to zeros: exact

    def _divided(self, sums: np.ndarray, rows: float) -> Logs:
        """The mean of the loss, and the metrics in order."""
        loss, *totals = (float(each.sum()) / max(1, rows * self._pixels) for each in sums)
        counted = dict(zip(self._totals, totals, strict=True))
        results = {
            m.name: counted[m.name] if m.name in counted else float(m.result())
            for m in self._metrics
        }
        return {"loss": loss, **results}

    def _update(self, metric: Metric, outputs: Array, targets: Array) -> Callable[[], None]:
        """The update of a metric with copies of what all ranks have, as a host row."""

        def over_ranks(a: Array) -> Array:
            if self._comm.size == 1:
                return a.copy()
            return self._backend.asarray(self._comm.gather(to_numpy(a)))

        return lambda: metric.update(over_ranks(outputs), over_ranks(targets))


def _is_counted(metric: Metric) -> TypeGuard[CountingMetric]:
    """Whether a kernel counts a metric, so that its sum stays on the device."""
    return isinstance(metric, CountingMetric) and metric.only_counts


def _needs_activation(metric: Metric, logits_of: str) -> bool:
    """Whether a metric needs activated outputs instead of logits.

    Counting metrics mostly do not: logits have the order of the probabilities, and exceed 0 where
    a sigmoid exceeds a half.
    """
    if _is_counted(metric):
        return metric.needs_probabilities and logits_of == "softmax"
    return True


class LazyMeans(Mapping[str, float]):
    """The means of this rank's sums, read from the device at first access."""

    def __init__(self, sums: MetricSums) -> None:
        self._sums = sums

    @cached_property
    def _means(self) -> Logs:
        return self._sums.own_means()

    def __getitem__(self, name: str) -> float:
        return self._means[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._means)

    def __len__(self) -> int:
        return len(self._means)
