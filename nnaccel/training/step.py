"""The step runner: records a step of training or evaluation, and replays it."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from typing import Any
from weakref import proxy

import numpy as np

from nnaccel.backends import Replay, to_numpy
from nnaccel.training.batch_loader import BatchLoader
from nnaccel.training.reduction import Reduction
from nnaccel.training.setup import TrainingSetup

_CHUNK_SECONDS = 0.1  # of replays between two calls of callbacks and checks for Ctrl-C

BeforeBatch = Callable[[int], None] | None
AfterBatches = Callable[[int], None]


def ignore(_: int) -> None:
    """Hook that does nothing."""


class StepRunner:
    """Runs the batches of a loader: forward and loss, in training also backward and update."""

    def __init__(self, setup: TrainingSetup, loader: BatchLoader, training: bool) -> None:
        self.setup, self.loader, self._training = setup, loader, training
        setup.sums.fit_to(loader.targets)
        self._rates = setup.network.backend.xp.zeros(-(-loader.rows // loader.batch_size))
        self._replays: dict[tuple[Any, ...], Replay] = {}
        self._together = 1  # batches to run at a time, so that it takes as long as `_CHUNK_SECONDS`

    def run(
        self,
        order: np.ndarray,
        before: BeforeBatch = None,
        after: AfterBatches = ignore,
        steps: int | None = None,
    ) -> None:
        """Run all rows once.

        Parameters
        ----------
        order : array of int
            Order of the rows.
        before : callable, optional
            Called before each batch with its number; without it many batches run at a time.
        after : callable, optional
            Called with the number of batches done: after each, or without `before` from time to
            time.
        steps : int, optional
            Batches so far, for the learning rate's schedule; by default the device is asked.
        """
        self.loader.start(order)
        if steps is None:
            steps = int(to_numpy(self.setup.network.iterations)[0]) if self._training else 0
        if before is None:
            self._set_rates(0, steps, len(self._rates))
        full, rest = divmod(self.loader.rows, self.loader.batch_size)
        done = 0
        while done < full:
            count = min(full - done, self._together)
            if before is not None:
                before(done)
                self._set_rates(done, steps + done, 1)
                count = 1
            count = self.setup.comm.meet(min(count, self.loader.load(done)))
            began = time.perf_counter()
            self._replay(self.loader.batch_size, count)
            spent = time.perf_counter() - began
            done += count
            after(done)
            wanted = int(count * _CHUNK_SECONDS / max(spent, 1e-9))
            self._together = max(1, min(4 * count, wanted))
        if rest:
            if before is not None:
                before(done)
                self._set_rates(done, steps + done, 1)
            self.setup.comm.meet(1)
            self.loader.load(done)
            self._replay(rest, 1)
            after(done + 1)

    def _set_rates(self, batch: int, step: int, count: int) -> None:
        """Set the learning rates of `count` batches from `batch`, which are updates from `step`."""
        if not self._training:
            return
        rates = self.setup.optimizer.rates(step, count)
        self._rates[batch : batch + count] = self.setup.network.backend.asarray(rates)

    def _replay(self, rows: int, repeats: int) -> None:
        """Run `repeats` batches of `rows` rows."""
        network = self.setup.network
        key = rows, *network.switches
        if key not in self._replays:
            network.bind_layers()  # a slice may have been trained since
            self._replays[key] = network.backend.record(self._step(rows))
        with np.errstate(all="ignore"):  # divergence is detected by the loss's value
            self._replays[key](repeats)
        self.setup.sums.rows += rows * repeats

    def _test(self, rows: int) -> None:
        self.setup.test(*self.loader.batch(rows), self.loader.share.slices(rows))
        self.setup.network.backend.kernels.advance(self.loader.cursor)

    def _step(self, rows: int) -> Callable[[], None]:
        """Return the step for batches of `rows` rows.

        It does not hold this runner, which holds it: the arrays of a recording go with the runner.
        """
        me, setup, share, reduction = proxy(self), self.setup, self.loader.share, None
        if not self._training:
            return partial(StepRunner._test, me, rows)
        if setup.comm.shards > 1:
            reduction = Reduction(setup.comm, setup.network, share, rows)
        return partial(StepRunner._train, me, rows, reduction)

    def _train(self, rows: int, reduction: Reduction | None) -> None:
        setup, network = self.setup, self.setup.network
        setup.find_gradients(*self.loader.batch(rows), reduction)
        clock = self._rates, self.loader.cursor, network.iterations
        setup.update(*clock)
        network.backend.kernels.finish_step(*clock)
