"""Sums of losses and metrics over the rows of an epoch, on the device."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import TypeGuard

import numpy as np

from nnaccel.backends import Array, to_numpy
from nnaccel.network.chain import Network
from nnaccel.ops.activation import activate
from nnaccel.training.losses import Loss
from nnaccel.training.metrics import CountingMetric, Metric
from nnaccel.training.metrics.accuracy import accuracy_for

Logs = dict[str, float]


class MetricSums:
    """Sum of the losses, and the metrics, over the rows seen.

    Attributes
    ----------
    loss : array of one float64
        Sum of the losses of all rows, on the device.
    rows : int
        Rows seen; the caller counts them.
    """

    def __init__(self, network: Network, metrics: Sequence[Metric], loss: Loss) -> None:
        self._backend, self._metrics = network.backend, metrics
        self._loss, self._chosen = loss, metrics
        ends_with = network.ending.activation
        self._activation = loss.last_activation if loss.from_logits else ends_with
        self.loss = self._backend.asarray(np.zeros(1))
        self._totals = {
            metric.name: self._backend.asarray(np.zeros(1))
            for metric in metrics
            if _is_counted(metric)
        }
        self.rows = 0

    def fit_to(self, targets: Array) -> None:
        """Let 'accuracy' be that of classes or of labels, whichever the targets of a set are."""
        if self._metrics is self._chosen:  # else an earlier batch decided: one sum, one meaning
            self._metrics = [
                accuracy_for(metric, self._activation, self._loss, targets)
                for metric in self._chosen
            ]

    def add(self, outputs: Array, targets: Array, logits_of: str) -> None:
        """Add a batch to all metrics, now or on the tape being recorded.

        Parameters
        ----------
        outputs, targets : array, shape (N, units)
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
                metric.count(self._backend, scores, targets, logits, self._totals[metric.name])
            else:
                self._backend.host(_update(metric, scores, targets))

    def reset(self) -> None:
        """Set all sums to 0."""
        self.rows = 0
        for total in (self.loss, *self._totals.values()):
            total[...] = 0
        for metric in self._metrics:
            if metric.name not in self._totals:
                metric.reset()

    def means(self) -> Logs:
        """Return the mean loss and the metrics over the rows seen so far."""
        rows = max(1, self.rows)
        found = {"loss": float(to_numpy(self.loss)[0]) / rows}
        for metric in self._metrics:
            total = self._totals.get(metric.name)
            found[metric.name] = (
                float(metric.result()) if total is None else float(to_numpy(total)[0]) / rows
            )
        return found


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


def _update(metric: Metric, outputs: Array, targets: Array) -> Callable[[], None]:
    """The update of a metric with copies of a recorded step's arrays, as a host row."""
    return lambda: metric.update(outputs.copy(), targets.copy())


class LazyMeans(Mapping[str, float]):
    """The means of some sums, read from the device at first access."""

    def __init__(self, sums: MetricSums) -> None:
        self._sums = sums

    @cached_property
    def _means(self) -> Logs:
        return self._sums.means()

    def __getitem__(self, name: str) -> float:
        return self._means[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._means)

    def __len__(self) -> int:
        return len(self._means)
