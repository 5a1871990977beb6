"""A backend of your own: NumPy's arrays, with SciPy's functions where those are faster.

    pip install examples/backend
    NNACCEL_BACKEND=scipy python examples/03_spirals.py

The entry point in `pyproject.toml` names this module; docs/backends.md says what else it could do.
"""

from __future__ import annotations

import math

import numpy as np
import scipy
from scipy.special import ndtr

from nnaccel.backends import Backend, BackendInfo
from nnaccel_kernels.lookup import Kernels
from nnaccel_kernels.reference import kernels as plain


def probe(device: str) -> BackendInfo:
    """Whether this backend can run here, for `nnaccel info`; `device` is what follows a colon."""
    if device:
        remedy = "choose 'scipy' without a device"
        return BackendInfo("scipy", False, f"no device {device!r}", remedy)
    return BackendInfo("scipy", True, device="processor", version=scipy.__version__)


def make(device: str) -> Backend:
    """Return the backend: fast kernels above the plain ones."""
    fast = Kernels({"activate": activate, "activate_backward": activate_backward})
    return Backend("scipy", np, "processor", fast.above(plain), halves=True)


def activate(name: str, alpha: float, x: np.ndarray, y: np.ndarray) -> None:
    """y = f(x); the plain GELU calls Python's `math.erf` for every number."""
    if name != "gelu" or x.dtype.itemsize < 4:
        plain.activate(name, alpha, x, y)
    else:
        np.multiply(x, ndtr(x), out=y)


def activate_backward(
    name: str, alpha: float, dy: np.ndarray, x: np.ndarray, y: np.ndarray, dx: np.ndarray
) -> None:
    """dx = dy * f'(x)."""
    if name != "gelu" or dy.dtype.itemsize < 4:
        plain.activate_backward(name, alpha, dy, x, y, dx)
    else:
        density = np.exp(-0.5 * x * x) / math.sqrt(2 * math.pi)
        np.multiply(dy, ndtr(x) + x * density, out=dx)
