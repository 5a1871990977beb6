"""Loss scaling: multiplies float16 gradients so that they do not vanish, and divides in float32."""

from __future__ import annotations

from typing import Any

import numpy as np

from nnaccel.backends import Array, Backend, to_numpy

_INITIAL = 2.0**15
_PATIENCE = 2000  # steps without an overflow, after which a larger factor is tried
_LIMITS = 2.0**-24, 2.0**24


class LossScale:
    """A factor that halves, leaving a step out, when gradients overflow, and doubles in time.

    It starts and moves as in Keras's LossScaleOptimizer. All of it is on the device, so that a
    captured step goes on with it.

    Parameters
    ----------
    backend : Backend
        That trains.
    state : array of float64, shape (2,), optional
        Of a training to go on with.

    Attributes
    ----------
    state : array of float64, shape (2,)
        The factor, and the steps that it has lasted; on the backend.

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
        """What gradients are multiplied by now."""
        return float(to_numpy(self.state)[0])

    @property
    def is_least(self) -> bool:
        """Whether the factor is as small as it may be, so that gradients overflow without it."""
        return self.factor <= _LIMITS[0]

    def scale(self, dy: Array) -> None:
        """Multiply the gradient that the backward pass begins with, in place."""
        self._kernels.scale_gradient(dy, self.state)

    def unscale(self, gradients: Array) -> None:
        """Divide the gradients of the parameters, in place, and note whether all are finite."""
        self._kernels.unscale_gradients(gradients, self.state, self._overflows)

    def adjust(self, rates: Array, batch: Array) -> None:
        """Move the factor; make the batch's learning rate NaN, so no update, if one is not."""
        kernels = self._kernels
        kernels.adjust_scale(self.state, self._overflows, _PATIENCE, _LIMITS, rates, batch)
