"""Recorded steps for a loop of one's own, called one by one."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from nnaccel.backends import Array, Replay, to_numpy
from nnaccel.network.input_scale import InputScale
from nnaccel.training.batch_runners import BatchRunners
from nnaccel.training.metric_sums import Logs
from nnaccel.training.setup import TrainingSetup

_EVERY = 8  # rows of which one is looked at for how large inputs are, after the first batch


class OwnSteps:
    """Training, testing and updates of a setup, a batch at a time."""

    def __init__(self, setup: TrainingSetup) -> None:
        self._setup = setup
        self._runners = {kind: BatchRunners(setup, training=kind) for kind in (True, False)}
        self._update = _Update(setup)
        self.update = self._update.run

    def run(
        self, x: Array, targets: np.ndarray, weights: np.ndarray | None, training: bool
    ) -> Logs:
        """Train or test on a checked batch; return its loss, with penalties, and metrics."""
        setup = self._setup
        scale: InputScale = setup.network.input_scale
        setup.sums.reset()
        if training:
            is_known = scale.largest is not None
            seen = x[::_EVERY] if is_known else x
            scale.learn(seen, setup.network.input_shape, more=is_known)
        self._runners[training].run(x, targets, weights)
        if not training:
            setup.add_penalties(len(x))
        return setup.sums.means()


class _Update:
    """The update of a network from the gradients that are there."""

    def __init__(self, setup: TrainingSetup) -> None:
        backend = setup.network.backend
        self._setup = replace(setup, loss_scale=None)  # these gradients are not scaled
        self._rate, self._batch = backend.xp.zeros(1), backend.xp.zeros(1, np.int64)
        self._replays: dict[tuple[Any, ...], Replay] = {}

    def run(self) -> None:
        """Add the penalties' gradients, clip and update."""
        setup, network = self._setup, self._setup.network
        self._rate[...] = network.backend.asarray(
            setup.optimizer.rates(int(to_numpy(network.iterations)[0]), 1)
        )
        self._batch[...] = 0
        key = tuple(network.switches)
        if key not in self._replays:
            self._replays[key] = network.backend.record(self._step)
        with np.errstate(all="ignore"):
            self._replays[key](1)

    def _step(self) -> None:
        setup, network = self._setup, self._setup.network
        clock = self._rate, self._batch, network.iterations
        setup.add_penalty_gradients()
        setup.update(*clock)
        network.backend.kernels.finish_step(*clock)
