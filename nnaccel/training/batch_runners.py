"""Recorded steps for batches that come one at a time."""

from __future__ import annotations

from typing import Any

import numpy as np

from nnaccel.backends import Array, hold_until_read
from nnaccel.layers._several import parts_of
from nnaccel.training.augment import Augment
from nnaccel.training.batch_loader import OneBatch
from nnaccel.training.setup import TrainingSetup
from nnaccel.training.share import Share
from nnaccel.training.step import StepRunner

_KEPT_SHAPES = 16  # batch shapes whose recorded steps are kept


class BatchRunners:
    """Runs single batches; a step is recorded for each shape of a batch.

    Parameters
    ----------
    setup : TrainingSetup
    training : bool
        Whether a step also updates the network.
    augment : Augment, optional
        Changes of the inputs.
    """

    def __init__(
        self, setup: TrainingSetup, training: bool, augment: Augment | None = None
    ) -> None:
        self._setup, self._training, self._augment = setup, training, augment
        self._runners: dict[tuple[Any, ...], tuple[OneBatch, StepRunner]] = {}

    def run(
        self,
        x: Array,
        targets: np.ndarray,
        weights: np.ndarray | None,
        steps: int | None = None,
        first_row: int = 0,
    ) -> None:
        """Run one checked batch; `steps` as for `StepRunner.run`, `first_row` within the epoch."""
        loader, runner = self._runner_for(x, targets, weights)
        loader.refill(x, targets, weights)
        hold_until_read(parts_of(x))
        loader.place(first_row, self._setup.network.epochs)
        runner.run(np.arange(len(x)), steps=steps)

    def _runner_for(
        self, x: Array, targets: np.ndarray, weights: np.ndarray | None
    ) -> tuple[OneBatch, StepRunner]:
        """Return loader and runner of batches like this one; the oldest ones are dropped."""
        network = self._setup.network
        factor = network.input_scale.factor_of(x, network.input_shape)  # part of what is recorded
        key = x.shape, str(x.dtype), targets.dtype.str, weights is None, factor
        if key not in self._runners:
            if len(self._runners) == _KEPT_SHAPES:
                del self._runners[next(iter(self._runners))]
            # Copies: later batches overwrite them.
            copied = None if weights is None else weights.copy()
            share = Share(self._setup.comm, len(x))
            given = x.copy(), targets.copy(), len(x), copied
            loader = OneBatch(network, *given, augment=self._augment, share=share)
            runner = StepRunner(self._setup, loader, self._training)
            self._runners[key] = loader, runner
        return self._runners[key]
