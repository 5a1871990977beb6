"""A layer, an optimiser and metrics as users would write them, in array code."""

from __future__ import annotations

from typing import Any

import numpy as np

import nnaccel as nn


class Scaled(nn.Layer):
    """Each feature times a number that is learnt, then its absolute value."""

    def parameter_specs(self, input_shape: Any) -> Any:
        return {"scale": (input_shape, nn.initializers.get("ones"))}

    def infer_shape(self, input_shape: Any) -> Any:
        return input_shape

    def forward(self, x: Any, training: bool = False, activate: bool = True) -> Any:
        scale = self.params["scale"]
        z = x * scale

        def backward(dy: Any, input_gradient: bool) -> Any:
            dz = dy * nn.get_namespace(z).sign(z)
            self.grads["scale"][...] = (dz * x).sum(axis=0)
            return dz * scale if input_gradient else None

        return abs(z), backward


class Momentum(nn.optim.Optimizer):
    """SGD with momentum whose rate falls with the number of the step."""

    slots = ("velocity",)

    def __init__(self, learning_rate: Any = 0.05, mu: float = 0.9, **clipping: Any) -> None:
        super().__init__(learning_rate, **clipping)
        self.mu = mu

    def update(self, w: Any, g: Any, slots: Any, clock: nn.optim.Clock) -> None:
        (velocity,) = slots
        velocity *= self.mu
        velocity -= clock.learning_rate / clock.step**0.5 * g
        w += velocity


class ByAdam(nn.optim.Adam):
    """Adam with an update in array code around the kernel's."""

    def update(self, w: Any, g: Any, slots: Any, clock: nn.optim.Clock) -> None:
        super().update(w, g * 1, slots, clock)


def largest_error(outputs: Any, targets: Any) -> Any:
    return abs(outputs - targets).max(axis=1)


class Spread(nn.metrics.Metric):
    """Largest less smallest output of an epoch: no mean of batches."""

    def reset(self) -> None:
        self.low, self.high = np.inf, -np.inf

    def update(self, outputs: Any, targets: Any) -> None:
        self.low, self.high = (
            min(self.low, float(outputs.min())),
            max(self.high, float(outputs.max())),
        )

    def result(self) -> float:
        return self.high - self.low
