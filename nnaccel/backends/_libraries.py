"""Arrays of other libraries, seen as NumPy's without a copy, by DLPack.

Whatever offers `__dlpack__` and lies on the CPU is taken: PyTorch's tensors, JAX's arrays, those of
array-api-strict and others. What is computed goes back the same way, to `from_dlpack` of the
library that the arguments are from.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable
from typing import Any

import numpy as np

from nnaccel.backends._backend import is_on_device

_CPU = 1  # of DLPack's kinds of device


class OtherLibraryError(TypeError):
    """An array is neither NumPy's nor CuPy's."""


def is_of_other_library(x: object) -> bool:
    """Whether x is an array that is neither NumPy's nor CuPy's, but can be seen as one."""
    return (
        hasattr(x, "__dlpack__")
        and not isinstance(x, np.ndarray | np.generic | type)
        and not is_on_device(x)
    )


def library(x: object) -> str:
    """Return the name of the library that an array is from, such as 'torch'."""
    root = type(x).__module__.partition(".")[0]
    return "jax" if root == "jaxlib" else root


def view(x: Any, name: str = "the array") -> np.ndarray:
    """Return an array of another library as a NumPy array over the same memory.

    Raises
    ------
    TypeError
        If it requires gradients, is not on the CPU, or has a dtype that NumPy lacks.
    """
    if getattr(x, "requires_grad", False):
        raise TypeError(
            f"{name} requires gradients, which are not tracked here. To fix: take the functions of "
            "nnaccel.interop.torch, or give x.detach()"
        )
    try:
        device = int(x.__dlpack_device__()[0])
    except ValueError:  # DLPack knows no such device
        device = 0
    if device != _CPU:
        raise TypeError(
            f"{name} is an array of {library(x)} on {getattr(x, 'device', 'a device')}: only those "
            "on the CPU are taken, NumPy's, and CuPy's. To fix: move it to the CPU"
        )
    try:
        return np.from_dlpack(x)
    except (BufferError, RuntimeError, TypeError, ValueError) as error:
        kind = f"{library(x)} array of {getattr(x, 'dtype', 'unknown dtype')}"
        raise TypeError(f"{name}, a {kind}, cannot be seen as NumPy's: {error}") from None


def call_on_views(op: Callable[..., Any], args: Any, kwargs: Any, error: OtherLibraryError) -> Any:
    """Call an op on NumPy's views of its arrays, and return its results as arrays of their library.

    Raises
    ------
    OtherLibraryError
        `error`, if there is no array of another library.
    TypeError
        If the arrays are of several libraries, which are named.
    """
    given = inspect.signature(op).bind(*args, **kwargs)
    arrays = {name: a for name, a in _arrays(given.arguments) if not _is_index(a)}
    like = next(filter(is_of_other_library, arrays.values()), None)
    if like is None:
        raise error
    kinds = {name: library(a) for name, a in arrays.items()}
    if len({*kinds.values()}) > 1:
        listed = ", ".join(f"{name} of {kind}" for name, kind in kinds.items())
        raise TypeError(f"arrays of several libraries in one call ({listed}): convert them to one")
    for name, value in given.arguments.items():
        given.arguments[name] = _viewed(value, name)
    return _given_back(op(*given.args, **given.kwargs), _from_dlpack(like))


def _arrays(arguments: Any) -> Any:
    """Yield arrays by the names of their arguments, those in lists included."""
    for name, value in arguments.items():
        if isinstance(value, tuple | list):
            yield from _arrays({f"{name}[{i}]": item for i, item in enumerate(value)})
        elif isinstance(value, np.ndarray) or is_on_device(value) or is_of_other_library(value):
            yield name, value


def _is_index(a: Any) -> bool:
    """Whether an array is one of NumPy's with whole numbers, such as a step, which any kind may."""
    return isinstance(a, np.ndarray) and a.dtype.kind in "iu"


def _viewed(value: Any, name: str) -> Any:
    """Return an argument with NumPy's views for the arrays in it."""
    if isinstance(value, tuple | list):
        return type(value)(_viewed(item, f"{name}[{i}]") for i, item in enumerate(value))
    return view(value, name) if is_of_other_library(value) else value


def _from_dlpack(like: Any) -> Callable[[Any], Any]:
    """Return the function that makes arrays of the library of `like`."""
    find = getattr(like, "__array_namespace__", None)
    space = sys.modules[type(like).__module__.partition(".")[0]] if find is None else find()
    if not hasattr(space, "from_dlpack"):
        raise TypeError(
            f"{library(like)} has no from_dlpack to give results back by. To fix: give NumPy arrays"
        )
    return space.from_dlpack  # type: ignore[no-any-return]


def _given_back(result: Any, convert: Callable[[Any], Any]) -> Any:
    if isinstance(result, tuple | list):
        return type(result)(_given_back(item, convert) for item in result)
    return convert(result) if isinstance(result, np.ndarray) else result
