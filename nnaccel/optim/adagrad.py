"""Adagrad."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from nnaccel._validate import check_range
from nnaccel.backends import Array, backend_of, kernels_only
from nnaccel.optim._base import Clock, Optimizer
from nnaccel.optim.schedules import Schedule


class Adagrad(Optimizer):
    """Adagrad: steps divided by the root of the sum of squared gradients.

    Parameters
    ----------
    learning_rate : float or Schedule, default 0.001
    initial_accumulator_value : float, default 0.1
    epsilon : float, default 1e-7
    **common
        As `Optimizer`.

    References
    ----------
    Duchi, Hazan and Singer, "Adaptive subgradient methods for online learning and stochastic
    optimization", JMLR 12, 2011.
    """

    slots = ("accumulator",)

    def __init__(
        self,
        learning_rate: float | Schedule = 0.001,
        initial_accumulator_value: float = 0.1,
        epsilon: float = 1e-7,
        **common: Any,
    ) -> None:
        super().__init__(learning_rate, **common)
        check_range("initial_accumulator_value", initial_accumulator_value, 0, math.inf)
        check_range("epsilon", epsilon, 0, math.inf)
        self.initial_accumulator_value = float(initial_accumulator_value)
        self.epsilon = float(epsilon)

    def initial_slots(self, weights: np.ndarray) -> np.ndarray:
        """Return the accumulator at its initial value."""
        return np.full((1, weights.size), self.initial_accumulator_value, weights.dtype)

    @kernels_only
    def update(self, w: Array, g: Array, slots: Sequence[Array], clock: Clock) -> None:
        """As `Optimizer.update`."""
        kernels = backend_of(w).kernels
        kernels.adagrad(w, g, slots[0], self.epsilon, clock.segments, clock.rates, clock.batch)
