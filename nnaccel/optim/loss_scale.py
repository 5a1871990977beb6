"""Loss scaling, which keeps small float16 gradients from becoming 0."""

from __future__ import annotations

from typing import Any

import numpy as np

from nnaccel.backends import Array, Backend, to_numpy

_INITIAL = 2.0**15
_PATIENCE = 2000  # steps without overflow until the factor is doubled
_LIMITS = 2.0**-24, 2.0**24


class LossScale:
    """A factor on gradients: halved, and the step skipped, on overflow; doubled after 2000 steps.

    As in Keras's LossScaleOptimizer. The state is on the device, so that a captured step can
    change it.

    Parameters
    ----------
    backend : Backend
    state : array of float64, shape (2,), optional
        State of an earlier training.

    Attributes
    ----------
    state : array of float64, shape (2,)
        The factor, and the number of steps since it changed; on the backend.

    References
    ----------
    P. Micikevicius et al., "Mixed precision training", ICLR 2018.
    """

    def __init__(self, backend: Backend, state: Array | None = None) -> None:
        self._kernels: Any = backend.kernels
        begin = np.array([_INITIAL, 0.0]) if state is None else np.array(to_numpy(state))
        self.state = backend.asarray(begin)
        self._overflows = backend.asarray(np.zeros(1))

    @property
    def factor(self) -> float:
        """The current factor."""
        return float(to_numpy(self.state)[0])

    @property
    def is_least(self) -> bool:
        """Whether the factor is at its minimum, where gradients overflow on their own."""
        return self.factor <= _LIMITS[0]

    def scale(self, dy: Array) -> None:
        """Multiply the gradient of the outputs, in place."""
        self._kernels.scale_gradient(dy, self.state)

    def unscale(self, gradients: Array) -> None:
        """Divide the gradients of the parameters, in place, and count overflows."""
        self._kernels.unscale_gradients(gradients, self.state, self._overflows)

    def adjust(self, rates: Array, batch: Array) -> None:
        """Update the factor; after an overflow set the batch's learning rate to NaN: no update."""
        kernels = self._kernels
        kernels.adjust_scale(self.state, self._overflows, _PATIENCE, _LIMITS, rates, batch)
