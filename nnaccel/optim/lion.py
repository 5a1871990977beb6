"""Lion."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from nnaccel._validate import check_range
from nnaccel.backends import Array, get_namespace
from nnaccel.optim._base import Clock, Optimizer
from nnaccel.optim.schedules import Schedule


class Lion(Optimizer):
    """Lion: steps along the sign of a running mean of gradients.

    Parameters
    ----------
    learning_rate : float or Schedule, default 0.001
        A tenth to a third of a good rate for Adam.
    beta_1, beta_2 : float in [0, 1), default 0.9 and 0.99
        Weight of the running mean in a step's direction, and decay of the running mean.
    weight_decay : float, default 0
        As `AdamW`.
    **common
        As `Optimizer`.

    References
    ----------
    Chen et al., "Symbolic discovery of optimization algorithms", NeurIPS 2023, algorithm 2.

    Examples
    --------
    >>> Lion(0.0003)
    Lion(learning_rate=0.0003, beta_1=0.9, beta_2=0.99, weight_decay=0.0)
    """

    slots = ("mean",)

    def __init__(
        self,
        learning_rate: float | Schedule = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.99,
        weight_decay: float = 0.0,
        **common: Any,
    ) -> None:
        super().__init__(learning_rate, **common)
        check_range("beta_1", beta_1, 0, 1)
        check_range("beta_2", beta_2, 0, 1)
        check_range("weight_decay", weight_decay, 0, math.inf)
        self.beta_1, self.beta_2 = float(beta_1), float(beta_2)
        self.weight_decay = float(weight_decay)

    def update(self, w: Array, g: Array, slots: Sequence[Array], clock: Clock) -> None:
        """As `Optimizer.update`."""
        (mean,) = slots
        direction = get_namespace(w).sign(mean + (1 - self.beta_1) * (g - mean))
        w -= clock.learning_rate * (direction + self.weight_decay * clock.decays * w)
        mean += (1 - self.beta_2) * (g - mean)
