"""Functions called on arrays of other libraries.

They run on views of the arrays, and what they compute goes to `from_dlpack` of the library that
the arguments are from. That says on which stream it will use the result, so that CuPy has that
stream wait for what was computed on its own.
"""

from __future__ import annotations

import functools
import inspect
import sys
from collections.abc import Callable
from typing import Any

import numpy as np

from nnaccel.backends._backend import home_of, is_on_device
from nnaccel.backends._in_flight import hold_until_read
from nnaccel.backends._views import is_of_other_library, library, place_of, view

_ON_HOST = "key"  # an argument that is NumPy's beside arrays on any device


_signature = functools.lru_cache(256)(inspect.signature)  # a third of a small call's time


class OtherLibraryError(TypeError):
    """An array is neither NumPy's nor CuPy's."""


def call_on_views(op: Callable[..., Any], args: Any, kwargs: Any, error: OtherLibraryError) -> Any:
    """Call an op on views of its arrays, and return its results as arrays of their library.

    On a GPU it runs on the arrays' device, on CuPy's current stream there.

    Raises
    ------
    OtherLibraryError
        `error`, if there is no array of another library.
    TypeError
        If the arrays are of several libraries or on several devices, which are named.
    """
    given = _signature(op).bind(*args, **kwargs)
    arrays = dict(_arrays(given.arguments))
    like = next(filter(is_of_other_library, arrays.values()), None)
    if like is None:
        raise error
    _require_one("of", {n: library(a) for n, a in arrays.items() if not _is_index(a)})
    views = {n: view(a, n) if is_of_other_library(a) else a for n, a in arrays.items()}
    places = {n: place_of(a) for n, a in views.items()}
    if {*places.values()} != {"cpu"}:
        _require_one("on", {n: place for n, place in places.items() if n != _ON_HOST})
    for name, value in given.arguments.items():
        given.arguments[name] = _viewed(value, name, views)
    on_device = next((a.device for a in views.values() if home_of(a) == "cupy"), None)
    if on_device is None:
        return _given_back(op(*given.args, **given.kwargs), like)
    _refuse_to_write(like, given.arguments)
    with on_device:
        result = _given_back(op(*given.args, **given.kwargs), like)
        if library(like) != "torch":  # its current stream waits before it uses any memory again
            hold_until_read(views.values())
    return result


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


def _require_one(word: str, what: dict[str, str]) -> None:
    """Raise a TypeError if arrays, by name, are of several libraries or on several devices."""
    if len({*what.values()}) > 1:
        listed = ", ".join(f"{name} {word} {which}" for name, which in what.items())
        several, to_fix = {
            "of": ("of several libraries", "convert them to one"),
            "on": ("on several devices", "move them to one"),
        }[word]
        raise TypeError(f"arrays {several} in one call ({listed}): {to_fix}")


def _refuse_to_write(like: Any, arguments: dict[str, Any]) -> None:
    """Raise a ValueError if results would be written to arrays of JAX, which never change.

    NumPy's views of such arrays are read-only; CuPy has none that are.
    """
    if library(like) != "jax":
        return
    for name in ("out", "running_mean") if arguments.get("training") else ("out",):
        if arguments.get(name) is not None:
            raise ValueError(f"{name} would be written to, but arrays of jax are read-only")


def _viewed(value: Any, name: str, views: dict[str, Any]) -> Any:
    """Return an argument with the views of the arrays in it."""
    if isinstance(value, tuple | list):
        return type(value)(_viewed(item, f"{name}[{i}]", views) for i, item in enumerate(value))
    return views.get(name, value)


def _given_back(result: Any, like: Any) -> Any:
    """Return results as arrays of the library of `like`."""
    if isinstance(result, tuple | list):
        return type(result)(_given_back(item, like) for item in result)
    if hasattr(result, "tensor"):  # of the torch backend, which takes nobody else's
        return result.tensor
    if not isinstance(result, np.ndarray) and not is_on_device(result):
        return result
    return _from_dlpack(like)(result)


def _from_dlpack(like: Any) -> Callable[[Any], Any]:
    """Return the function that makes arrays of the library of `like`."""
    find = getattr(like, "__array_namespace__", None)
    space = sys.modules[type(like).__module__.partition(".")[0]] if find is None else find()
    if not hasattr(space, "from_dlpack"):
        raise TypeError(
            f"{library(like)} has no from_dlpack to give results back by. To fix: give NumPy arrays"
        )
    return space.from_dlpack  # type: ignore[no-any-return]
