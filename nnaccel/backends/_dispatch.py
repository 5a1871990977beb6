"""The backend and the namespace of given arrays."""

from __future__ import annotations

from typing import Any

import numpy as np

from nnaccel._validate import refuse_masked
from nnaccel.backends._backend import Backend, is_cupy
from nnaccel.backends._libraries import OtherLibraryError, is_of_other_library, view
from nnaccel.backends._select import cpu_backend, get_backend


def backend_of(*arrays: Any) -> Backend:
    """Return the backend of the given arrays; None entries are ignored.

    CuPy arrays run on 'cupy', NumPy arrays on the current CPU backend.

    Raises
    ------
    TypeError
        If arrays of two libraries are mixed, or something is not an array.
    """
    cupy = numpy = False
    for a in arrays:
        if isinstance(a, np.ndarray):
            if type(a) is not np.ndarray:
                refuse_masked(a, "arrays")
            numpy = True
        elif is_cupy(a):
            cupy = True
        elif a is not None:
            raise OtherLibraryError(
                f"expected NumPy or CuPy arrays, got {type(a).__module__}.{type(a).__qualname__}: "
                "convert it with nnaccel.asarray(x)"
            )
    if cupy and numpy:
        raise TypeError(
            "NumPy and CuPy arrays in one call: move all to one side with nnaccel.asarray(x) "
            "or nnaccel.to_numpy(x)"
        )
    return get_backend("cupy") if cupy else cpu_backend()


def get_namespace(*arrays: Any) -> Any:
    """Return the array namespace of the given arrays: `numpy` or `cupy`.

    Parameters
    ----------
    *arrays : numpy.ndarray or cupy.ndarray
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
