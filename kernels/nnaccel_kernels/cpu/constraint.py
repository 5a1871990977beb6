"""Projection of weights onto those that a constraint allows, after an update."""

from __future__ import annotations

import math

import numpy as np

from nnaccel_kernels.cpu.runtime.kernel import kernel
from nnaccel_kernels.cpu.runtime.sharing import share, threads_for

__all__ = ["constrain"]


@kernel
def _constrain(rank, size, w, limit, non_negative, norms):  # type: ignore[no-untyped-def]
    groups, inputs, units, taps = w.shape
    lo, hi = share(units, rank, size)
    for n in range(groups):
        norms[n, lo:hi] = 0.0
        for c in range(inputs):
            for k in range(lo, hi):
                total = norms[n, k]
                for t in range(taps):
                    v = w[n, c, k, t]
                    if non_negative and v < 0:
                        v = w.dtype.type(0)
                        w[n, c, k, t] = v
                    total += np.float64(v) * v
                norms[n, k] = total
        for k in range(lo, hi):
            norm = math.sqrt(norms[n, k])
            norms[n, k] = limit[0] / norm if norm > limit[0] else 1.0
        for c in range(inputs):
            for k in range(lo, hi):
                factor = w.dtype.type(norms[n, k])
                for t in range(taps):
                    w[n, c, k, t] *= factor


def constrain(w: np.ndarray, max_norm: float, non_negative: bool) -> None:
    """Set negative weights to 0, then shrink each unit's to Euclidean norm `max_norm`, in place.

    w is (groups, inputs, units, taps): a unit's weights lie along `inputs` and `taps`.
    """
    norms, limit = np.empty((w.shape[0], w.shape[2])), np.array([max_norm])
    _constrain(w, limit, int(non_negative), norms, width=threads_for(w.size * 4.0))
