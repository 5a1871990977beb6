"""The record of a network's training, and its end by scikit-learn's rules."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from nnaccel.training.callbacks import Callback
from nnaccel.training.callbacks._base import Logs

#: Divisor and lower bound of an adaptive learning rate.
_DIVISOR, _MIN_RATE = 5.0, 1e-6


@dataclass
class Record:
    """The record of a training, over all calls of `fit` and `partial_fit`.

    Attributes
    ----------
    losses, scores : list of float
        Training loss of each epoch, and score on the validation rows.
    best_loss, best_score : float
    best_weights : list of ndarray
        Weights of the best score; empty without scores.
    stalled : int
        Epochs without an improvement of `tol`.
    rows_seen : int
    """

    losses: list[float] = field(default_factory=list)
    scores: list[float] = field(default_factory=list)
    best_loss: float = np.inf
    best_score: float = -np.inf
    best_weights: list[NDArray[np.floating]] = field(default_factory=list)
    stalled: int = 0
    rows_seen: int = 0


class Iterations(Callback):
    """Records each epoch, and stops when losses or scores no longer improve.

    Parameters
    ----------
    record : Record
        The record to write.
    score : callable, optional
        Returns the score to monitor instead of the loss.
    tol : float
        Smallest change that counts as an improvement.
    patience : int
        Epochs without improvement before the training stops.
    schedule : {'constant', 'invscaling', 'adaptive'}
        Schedule of the learning rate.
    rate : float
        Initial learning rate, for 'invscaling'.
    power : float
        Power of the number of rows seen, by which 'invscaling' divides the rate.
    verbose : bool
        Whether to print each epoch.
    """

    def __init__(
        self,
        record: Record,
        score: Callable[[], float] | None,
        *,
        tol: float,
        patience: float,
        schedule: str,
        rate: float,
        power: float,
        verbose: bool,
    ) -> None:
        self.record, self.converged = record, False
        self._score, self._tol, self._patience = score, tol, patience
        self._schedule, self._rate, self._power = schedule, rate, power
        self._verbose = verbose

    def on_epoch_end(self, epoch: int, logs: Logs) -> None:
        """Record the epoch; stop if patience has run out and the rate cannot be lowered."""
        record = self.record
        record.losses.append(logs["loss"])
        record.rows_seen += self.params["samples"]
        better = self._record_score() if self._score is not None else self._record_loss()
        record.stalled = 0 if better else record.stalled + 1
        if self._verbose:
            score = f", validation score = {record.scores[-1]:.6f}" if self._score else ""
            print(f"Iteration {len(record.losses)}, loss = {logs['loss']:.8f}{score}")
        if self._schedule == "invscaling":
            rate = self._rate / (record.rows_seen + 1) ** self._power
            self.model.optimizer.learning_rate = rate
        if record.stalled > self._patience:
            self._lower_rate_or_stop()

    def _record_loss(self) -> bool:
        record, loss = self.record, self.record.losses[-1]
        better = loss <= record.best_loss - self._tol
        record.best_loss = min(record.best_loss, loss)
        return better

    def _record_score(self) -> bool:
        assert self._score is not None
        record, score = self.record, self._score()
        record.scores.append(score)
        record.best_loss = min(record.best_loss, record.losses[-1])
        better = score >= record.best_score + self._tol
        if score > record.best_score:
            record.best_score, record.best_weights = score, self.model.get_weights()
        return better

    def _lower_rate_or_stop(self) -> None:
        """Lower an adaptive rate, or stop."""
        rate = self.model.optimizer.learning_rate
        if self._schedule == "adaptive" and rate > _MIN_RATE:
            self.model.optimizer.learning_rate = rate / _DIVISOR
            self.record.stalled = 0
        else:
            self.converged = self.model.stop_training = True
