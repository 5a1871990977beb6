"""Stochastic gradient descent."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from nnaccel._validate import check_range
from nnaccel.backends import Array, backend_of, kernels_only
from nnaccel.optim._base import Clock, Optimizer
from nnaccel.optim.schedules import Schedule


class SGD(Optimizer):
    """Stochastic gradient descent, with optional momentum.

    Parameters
    ----------
    learning_rate : float or Schedule, default 0.01
    momentum : float in [0, 1), default 0
    nesterov : bool, default False
        Whether to use Nesterov's momentum.
    **common
        As `Optimizer`.

    References
    ----------
    Sutskever, Martens, Dahl and Hinton, "On the importance of initialization and momentum in deep
    learning", ICML 2013.

    Examples
    --------
    >>> SGD(0.1, momentum=0.9)
    SGD(learning_rate=0.1, momentum=0.9, nesterov=False)
    """

    def __init__(
        self,
        learning_rate: float | Schedule = 0.01,
        momentum: float = 0.0,
        nesterov: bool = False,
        **common: Any,
    ) -> None:
        super().__init__(learning_rate, **common)
        check_range("momentum", momentum, 0, 1)
        self.momentum, self.nesterov = float(momentum), bool(nesterov)
        self.slots = ("velocity",) if momentum else ()

    @kernels_only
    def update(self, w: Array, g: Array, slots: Sequence[Array], clock: Clock) -> None:
        """As `Optimizer.update`."""
        kernels = backend_of(w).kernels
        if self.momentum:
            hyper = self.momentum, self.nesterov, clock.segments
            kernels.momentum(w, g, slots[0], *hyper, clock.rates, clock.batch)
        else:
            kernels.sgd(w, g, clock.segments, clock.rates, clock.batch)
