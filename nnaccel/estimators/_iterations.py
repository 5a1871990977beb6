"""When a network's training is over, by scikit-learn's rules, and what is kept of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from nnaccel.training.callbacks import Callback
from nnaccel.training.callbacks._base import Logs

#: An adaptive learning rate is divided by this, and not below that.
_DIVISOR, _LOWEST = 5.0, 1e-6


@dataclass
class Record:
    """How a training went, over all calls of `fit` and `partial_fit`.

    Attributes
    ----------
    losses, scores : list of float
        Of each epoch: training loss, and score on the rows set aside.
    best_loss, best_score : float
    best_weights : list of ndarray
        Of the best score; empty without scores.
    stalled : int
        Epochs in a row that were not better by `tol`.
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
    """Notes each epoch, and stops when losses or scores no longer get better.

    Parameters
    ----------
    record : Record
        Written to.
    score : callable, optional
        Gives the score that is to rise; without it the loss is to fall.
    tol : float
        What counts as better.
    patience : int
        Epochs without anything better that are put up with.
    schedule : {'constant', 'invscaling', 'adaptive'}
        Of the learning rate.
    rate : float
        The learning rate that 'invscaling' divides.
    power : float
        Of the number of rows seen, by which it does.
    verbose : bool
        Whether each epoch is printed.
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
        """Note the epoch; stop if patience is lost and the rate is not to be lowered."""
        record = self.record
        record.losses.append(logs["loss"])
        record.rows_seen += self.params["samples"]
        better = self._note_score() if self._score is not None else self._note_loss()
        record.stalled = 0 if better else record.stalled + 1
        if self._verbose:
            score = f", validation score = {record.scores[-1]:.6f}" if self._score else ""
            print(f"Iteration {len(record.losses)}, loss = {logs['loss']:.8f}{score}")
        if self._schedule == "invscaling":
            rate = self._rate / (record.rows_seen + 1) ** self._power
            self.model.optimizer.learning_rate = rate
        if record.stalled > self._patience:
            self._lose_patience()

    def _note_loss(self) -> bool:
        record, loss = self.record, self.record.losses[-1]
        better = loss <= record.best_loss - self._tol
        record.best_loss = min(record.best_loss, loss)
        return better

    def _note_score(self) -> bool:
        assert self._score is not None
        record, score = self.record, self._score()
        record.scores.append(score)
        record.best_loss = min(record.best_loss, record.losses[-1])
        better = score >= record.best_score + self._tol
        if score > record.best_score:
            record.best_score, record.best_weights = score, self.model.get_weights()
        return better

    def _lose_patience(self) -> None:
        """Lower an adaptive rate, or stop."""
        rate = self.model.optimizer.learning_rate
        if self._schedule == "adaptive" and rate > _LOWEST:
            self.model.optimizer.learning_rate = rate / _DIVISOR
            self.record.stalled = 0
        else:
            self.converged = self.model.stop_training = True
