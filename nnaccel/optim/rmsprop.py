"""RMSprop."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from nnaccel._validate import check_range
from nnaccel.backends import Array, backend_of, kernels_only
from nnaccel.optim._base import Clock, Optimizer
from nnaccel.optim.schedules import Schedule


class RMSprop(Optimizer):
    """RMSprop: steps divided by a running root mean square of the gradient.

    Parameters
    ----------
    learning_rate : float or Schedule, default 0.001
    rho : float in [0, 1), default 0.9
        Decay of the running mean.
    momentum : float in [0, 1), default 0
    epsilon : float, default 1e-7
    **common
        As `Optimizer`.

    References
    ----------
    Tieleman and Hinton, "Lecture 6.5: RMSprop", Neural Networks for Machine Learning, 2012.
    """

    def __init__(
        self,
        learning_rate: float | Schedule = 0.001,
        rho: float = 0.9,
        momentum: float = 0.0,
        epsilon: float = 1e-7,
        **common: Any,
    ) -> None:
        super().__init__(learning_rate, **common)
        check_range("rho", rho, 0, 1)
        check_range("momentum", momentum, 0, 1)
        check_range("epsilon", epsilon, 0, math.inf)
        self.rho, self.momentum, self.epsilon = float(rho), float(momentum), float(epsilon)
        self.slots = ("mean_square", "velocity") if momentum else ("mean_square",)

    @kernels_only
    def update(self, w: Array, g: Array, slots: Sequence[Array], clock: Clock) -> None:
        """As `Optimizer.update`."""
        kernels = backend_of(w).kernels
        velocity = slots[1] if self.momentum else w[:0]
        hyper = self.rho, self.momentum, self.epsilon
        kernels.rmsprop(w, g, slots[0], velocity, *hyper, clock.segments, clock.rates, clock.batch)
