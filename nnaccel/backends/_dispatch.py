"""The backend and the namespace of given arrays."""

from __future__ import annotations

from typing import Any

import numpy as np

from nnaccel._validate import refuse_masked
from nnaccel.backends._backend import Backend, home_of
from nnaccel.backends._libraries import OtherLibraryError
from nnaccel.backends._select import _make, cpu_backend, get_backend
from nnaccel.backends._views import is_of_other_library, view

_KINDS = {"cupy": "CuPy"}  # what arrays of a backend are called


def backend_of(*arrays: Any) -> Backend:
    """Return the backend of the given arrays; None entries are ignored.

    NumPy arrays run on the current CPU backend, others on the backend whose they are.

    Raises
    ------
    TypeError
        If arrays of two libraries are mixed, or something is not an array.
    """
    if len(arrays) == 1 and type(arrays[0]) is np.ndarray:
        return cpu_backend()
    homes = set()
    for a in arrays:
        if isinstance(a, np.ndarray):
            if type(a) is not np.ndarray:
                refuse_masked(a, "arrays")
            homes.add("NumPy")
        elif home := home_of(a):
            homes.add(home)
        elif a is not None:
            raise OtherLibraryError(
                f"expected NumPy or CuPy arrays, got {type(a).__module__}.{type(a).__qualname__}: "
                "convert it with nnaccel.asarray(x)"
            )
    if len(homes) > 1:
        kinds = " and ".join(_KINDS.get(home, home) for home in sorted(homes))
        raise TypeError(
            f"{kinds} arrays in one call: move all to one side with nnaccel.asarray(x) "
            "or nnaccel.to_numpy(x)"
        )
    home = next(iter(homes), "NumPy")
    return cpu_backend() if home == "NumPy" else _make(home)


def get_namespace(*arrays: Any) -> Any:
    """Return the array namespace of the given arrays: `numpy`, `cupy`, or a backend's own.

    Parameters
    ----------
    *arrays : array
        Arrays of one library.

    Raises
    ------
    TypeError
        If arrays of two libraries are mixed, or something is not an array.

    Examples
    --------
    >>> import numpy as np
    >>> get_namespace(np.zeros(3)).__name__
    'numpy'
    """
    return backend_of(*arrays).xp


def asarray(x: Any, dtype: Any = None) -> Any:
    """Return `x` as an array of the current backend.

    Parameters
    ----------
    x : array_like
        Anything NumPy can convert, or an array of another backend or library.
    dtype : dtype, optional
        Element type; that of `x` by default.

    Examples
    --------
    >>> asarray([1, 2]).shape
    (2,)
    """
    x = view(x) if is_of_other_library(x) else x
    return get_backend().asarray(x, dtype)
