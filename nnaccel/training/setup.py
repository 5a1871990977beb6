"""The training setup: network, loss, optimiser and metrics, and one step with them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial

import numpy as np

from nnaccel.backends import Array, is_kernels_only
from nnaccel.network.chain import Network
from nnaccel.optim import Clock, Optimizer
from nnaccel.optim.loss_scale import LossScale
from nnaccel.training.communicator import Alone, Communicator
from nnaccel.training.losses import Loss
from nnaccel.training.metric_sums import MetricSums
from nnaccel.training.metrics import Metric
from nnaccel.training.pixels import pixel_rows, pixels_of
from nnaccel.training.reduction import Reduction, is_synchronized


@dataclass
class TrainingSetup:
    """Network, loss, optimiser and metrics of a training or an evaluation.

    Attributes
    ----------
    network : Network
    loss : Loss
    optimizer : Optimizer
    metrics : sequence of Metric
    slots : array, shape (len(optimizer.buffers), n), or None
        Optimiser state, on the network's backend; None in an evaluation.
    loss_scale : LossScale or None
        None where gradients are not scaled.
    comm : Communicator
        The processes that share the training.
    sums : MetricSums
        Losses and metrics over the rows seen.
    """

    network: Network
    loss: Loss
    optimizer: Optimizer
    metrics: Sequence[Metric]
    slots: Array = None
    loss_scale: LossScale | None = None
    comm: Communicator = field(default_factory=Alone)

    def __post_init__(self) -> None:
        ends_with, loss = self.network.ending.activation, self.loss
        self._fused = ends_with == loss.fused_activation and not loss.from_logits
        self._logits_of = loss.last_activation if self._fused or loss.from_logits else ""
        self.sums = MetricSums(self.network, self.metrics, self.loss, self.comm)
        xp = self.network.backend.xp
        # Learning rate, number and count of an update for which several batches are accumulated.
        self._own_clock = xp.zeros(1), xp.zeros(1, np.int64), xp.zeros(1, np.int64)

    def forward(
        self, x: Array, targets: Array, weights: Array | None, training: bool
    ) -> tuple[Callable[[Array], Array | None], Array]:
        """Run network, loss and metrics on a batch; return the backward and its argument dy."""
        backend = self.network.backend
        found, run_back = self.network.forward(x, training, activate=not self._fused)
        outputs, to_images = pixel_rows(backend, found)
        targets = targets.reshape(outputs.shape)
        losses, gradient = self.loss.mean_gradient(backend, outputs, targets, self._fused)
        if weights is not None:
            backend.kernels.weigh(weights.reshape(len(losses)), losses, gradient)
        backend.kernels.add_sum(losses, self.sums.loss)
        self.sums.add(outputs, targets, self._logits_of)
        return lambda dy: run_back(to_images(dy)), gradient

    def test(
        self, x: Array, targets: Array, weights: Array | None, shards: Sequence[slice]
    ) -> None:
        """Add this rank's rows of a batch to loss and metrics, shard by shard."""
        for number, rows in enumerate(shards):
            self.sums.shard = number
            if rows.start == rows.stop:
                self.sums.add_none()
                continue
            part = None if weights is None else weights[rows]
            self.forward(x[rows], targets[rows], part, training=False)

    def find_gradients(
        self,
        x: Array,
        targets: Array,
        weights: Array | None,
        reduction: Reduction | None = None,
    ) -> None:
        """Compute the network's gradients of a batch's mean loss and the penalties.

        With a `reduction` the rows are this rank's, and computed shard by shard.
        """
        if reduction is None:
            self._run_back(x, targets, weights)
        else:
            for number, rows in reduction.run():
                part = None if weights is None else weights[rows]
                self.sums.shard = number
                self._run_back(x[rows], targets[rows], part, reduction.weights[number])
        if self.loss_scale is not None:
            self.loss_scale.unscale(self.network.gradients)
        self.add_penalty_gradients()

    def add_penalty_gradients(self) -> None:
        """Add the gradients of the penalties to the network's gradients."""
        kernels = self.network.backend.kernels
        for layer in self.network.leaves:
            if layer.penalty and layer.trainable:
                w, dw = layer.params["w"].reshape(-1), layer.grads["w"].reshape(-1)
                kernels.add_penalty(w, layer.penalty.l1, layer.penalty.l2, dw)

    def _run_back(
        self, x: Array, targets: Array, weights: Array | None, share: Array | None = None
    ) -> None:
        """Run a batch, or a shard with its `share` of the rows, forward and backward."""
        self.add_penalties(len(x))
        if not len(x):
            self._run_back_nothing(x)
            return
        run_back, gradient = self.forward(x, targets, weights, training=True)
        if self.loss_scale is not None:
            self.loss_scale.scale(gradient)
        if share is not None:
            self.network.backend.kernels.scale_gradient(gradient, share)
        run_back(gradient)

    def _run_back_nothing(self, x: Array) -> None:
        """Run no rows: where layers go by the rows of all ranks, the others wait for this one."""
        if not is_synchronized(self.network):
            self.sums.add_none()
            return
        nothing, run_back = self.network.forward(x, True, activate=not self._fused)
        self.sums.add_none()
        run_back(nothing)

    def add_tested_penalties(self, rows: int) -> None:
        """Add the penalties of an evaluation of `rows` rows, of all ranks, on the first one."""
        if self.comm.rank == 0:
            self.sums.shard = 0
            self.add_penalties(rows)

    def add_penalties(self, rows: int) -> None:
        """Add the penalties to the loss of each of `rows` rows, or of all their pixels."""
        kernels = self.network.backend.kernels
        rows *= pixels_of(self.network.output_shape)
        for layer in self.network.leaves:
            if layer.penalty and layer.trainable:
                w, l1, l2 = layer.params["w"].reshape(-1), layer.penalty.l1, layer.penalty.l2
                kernels.penalty(w, rows * l1, rows * l2, self.sums.loss)

    def update(self, rates: Array, batch: Array, steps: Array) -> None:
        """Clip the gradients, update all trainable layers, and keep constraints and averages.

        Parameters
        ----------
        rates, batch, steps : array
            As of `Clock`; `steps` are the batches before this one.
        """
        network, optimizer, kernels = self.network, self.optimizer, self.network.backend.kernels
        buffers = dict(zip(optimizer.buffers, self.slots, strict=True))
        if self.loss_scale is not None:
            self.loss_scale.adjust(rates, batch)
        if optimizer.gradient_accumulation_steps:
            schedule = optimizer.gradient_accumulation_steps, rates, batch, steps
            rates, batch, steps = self._own_clock
            kernels.accumulate(network.gradients, buffers["accumulated"], *schedule, rates, steps)
        self._clip()
        segments = network.segments(bool(getattr(optimizer, "weight_decay", 0)))
        slots = tuple(buffers[name] for name in optimizer.slots)  # to be written, not replaced
        clock = Clock(rates, batch, steps, segments)
        optimizer.apply(network.backend, network.weights, network.gradients, slots, clock)
        for layer in network.leaves:
            if layer.constraint and layer.trainable:
                limits = layer.constraint.max_norm, layer.constraint.non_negative
                kernels.constrain(layer.unit_weights(), *limits)
        if optimizer.use_ema:
            average = buffers["average"], optimizer.ema_momentum
            kernels.moving_average(network.weights, *average, rates, batch)

    def _clip(self) -> None:
        """Clip the gradients as the optimiser says."""
        network, backend = self.network, self.network.backend
        each = [g for layer in network.leaves for g in layer.grads.values()]
        clip = partial(self.optimizer.clip, backend.kernels, network.gradients, each)
        if is_kernels_only(self.optimizer.clip):
            clip()
        else:  # a user's, in array code
            backend.host(clip)
