"""What tests of ops share: gradient checks on any backend, and images in any memory order."""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np

from nnaccel import ops
from nnaccel.backends import asarray, to_numpy
from nnaccel.testing import gradcheck

BACKWARDS = [name for name in ops.__all__ if name.endswith("_backward")]


def _activations() -> dict[str, str]:
    found = {}
    for name in BACKWARDS:
        _dy, taken, *others = inspect.signature(getattr(ops, name)).parameters
        if taken in ("x", "y") and set(others) <= {"alpha", "approximate", "axis"}:
            found[name.removesuffix("_backward")] = taken
    return found


#: Functions of one array, and whether their backward takes the input `x` or the output `y`.
ACTIVATIONS = _activations()


class Checked:
    """Adapts gradcheck, which draws NumPy directions, to arrays of any backend."""

    def __init__(self, function: Any, backward: Any) -> None:
        self._function, self._backward = function, backward

    def run(self, *args: np.ndarray) -> None:
        gradcheck(self.forward, args, backward=self.backward, rtol=1e-6, atol=1e-7)

    def forward(self, *args: np.ndarray) -> Any:
        return to_numpy(self._function(*map(asarray, args)))

    def backward(self, dy: np.ndarray, *args: np.ndarray) -> Any:
        gradients = self._backward(asarray(np.asarray(dy)), *map(asarray, args))
        if not isinstance(gradients, tuple):
            gradients = (gradients,)
        return tuple(None if g is None else to_numpy(g) for g in gradients)


def normal(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(shape)


def channels_last(x: np.ndarray) -> np.ndarray:
    """The same images over memory in which the channels of a pixel are neighbours."""
    return np.ascontiguousarray(x.transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2)


def locked(x: np.ndarray) -> np.ndarray:
    x = x.copy("K")
    x.flags.writeable = False
    return x


def doubled(x: np.ndarray) -> np.ndarray:
    """Every second number of an array twice as wide."""
    wide = np.zeros((*x.shape[:-1], 2 * x.shape[-1]), x.dtype)
    wide[..., ::2] = x
    return wide[..., ::2]


#: Ways the same images may lie in memory.
ORDERS: dict[str, Any] = {
    "C": lambda x: x,
    "channels-last": channels_last,
    "Fortran": np.asfortranarray,
    "strided": doubled,
    "read-only": locked,
    "read-only channels-last": lambda x: locked(channels_last(x)),
}


def is_channels_last(x: Any) -> bool:
    """Whether it has that order alone."""
    return bool(x.transpose(0, 2, 3, 1).flags.c_contiguous and not x.flags.c_contiguous)
