"""Kernels of a backend run on copies of NumPy arrays, and what they give is compared."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import numpy as np

from nnaccel.backends import Backend, to_numpy
from nnaccel.conformance.drawing import Args
from nnaccel_kernels.half import is_half

HOST = {"key"}  # stays on the host on every backend
#: Dtypes of 16 bits; NumPy has bfloat16 where ml_dtypes is installed.
HALVES = [np.dtype(np.float16)]
with suppress(ImportError):
    from ml_dtypes import bfloat16

    HALVES.append(np.dtype(bfloat16))

#: Distance from 1 to the next number of a dtype; NumPy does not know bfloat16's.
_EPSILON = {"bfloat16": 2**-7, "float16": 2**-10, "float32": 2**-23, "float64": 2**-52}
_ACTIVATIONS = {"x", "z", "y", "dy", "dx", "cols"}  # what mixed precision keeps in 16 bits


def run(backend: Backend, function: str, args: Args) -> dict[str, np.ndarray]:
    """Call a kernel on copies of the arguments; what all arrays hold afterwards."""
    moved = move(backend, args)
    getattr(backend.kernels, function)(**moved)
    return {k: to_numpy(v) for k, v in moved.items() if hasattr(v, "dtype")}


def move(backend: Backend, args: Args) -> Args:
    """Copies of the arguments, in their memory order, where the kernels of `backend` want them."""
    return {
        name: value
        if not isinstance(value, np.ndarray)
        else value.copy("K")
        if name in HOST
        else backend.asarray(value.copy("K"))
        for name, value in args.items()
    }


def assert_same(got: dict[str, np.ndarray], want: dict[str, np.ndarray], dtype: Any) -> None:
    """Equal but for the rounding of sums of a few hundred terms of about 1."""
    dtype = np.dtype(dtype)
    tolerance = 200 * _EPSILON[dtype.name]
    if is_half(dtype):  # of a few numbers, since sums are taken in float32
        tolerance /= 25
        got, want = ({k: np.asarray(a, float) for k, a in d.items()} for d in (got, want))
    for name, array in want.items():
        np.testing.assert_allclose(got[name], array, tolerance, tolerance, err_msg=name)


def halved(args: Args, dtype: Any) -> Args:
    """The arguments with activations, and their gradients, of 16 bits."""
    return {
        name: value.astype(dtype)
        if name in _ACTIVATIONS and isinstance(value, np.ndarray)
        else value
        for name, value in args.items()
    }
