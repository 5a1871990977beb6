"""Adam and AdamW."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from nnaccel._validate import check_range
from nnaccel.backends import Array, backend_of, kernels_only
from nnaccel.optim._base import Clock, Optimizer
from nnaccel.optim.schedules import Schedule


class Adam(Optimizer):
    """Adam: running means of the gradient and of its square, corrected for their start at zero.

    Parameters
    ----------
    learning_rate : float or Schedule, default 0.001
    beta_1, beta_2 : float in [0, 1), default 0.9 and 0.999
        Decays of the running means of the gradient and of its square.
    epsilon : float, default 1e-7
    **common
        As `Optimizer`.

    References
    ----------
    Kingma and Ba, "Adam: a method for stochastic optimization", ICLR 2015.
    """

    slots = ("mean", "mean_square")
    weight_decay = 0.0

    def __init__(
        self,
        learning_rate: float | Schedule = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
        **common: Any,
    ) -> None:
        super().__init__(learning_rate, **common)
        check_range("beta_1", beta_1, 0, 1)
        check_range("beta_2", beta_2, 0, 1)
        check_range("epsilon", epsilon, 0, math.inf)
        self.beta_1, self.beta_2, self.epsilon = float(beta_1), float(beta_2), float(epsilon)

    @kernels_only
    def update(self, w: Array, g: Array, slots: Sequence[Array], clock: Clock) -> None:
        """As `Optimizer.update`."""
        kernels = backend_of(w).kernels
        hyper = self.beta_1, self.beta_2, self.epsilon, self.weight_decay
        kernels.adam(
            w, g, slots[0], slots[1], *hyper, clock.segments, clock.rates, clock.batch, clock.steps
        )


class AdamW(Adam):
    """Adam with weight decay outside the running means.

    Parameters
    ----------
    learning_rate : float or Schedule, default 0.001
    weight_decay : float, default 0.004
        Share of each weight, times the learning rate, subtracted at each step; none of biases,
        normalisation, and layers whose `weight_decay` is False.
    beta_1, beta_2, epsilon
        As `Adam`.
    **common
        As `Optimizer`.

    References
    ----------
    Loshchilov and Hutter, "Decoupled weight decay regularization", ICLR 2019.
    """

    def __init__(
        self,
        learning_rate: float | Schedule = 0.001,
        weight_decay: float = 0.004,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
        **common: Any,
    ) -> None:
        super().__init__(learning_rate, beta_1, beta_2, epsilon, **common)
        check_range("weight_decay", weight_decay, 0, math.inf)
        self.weight_decay = float(weight_decay)
