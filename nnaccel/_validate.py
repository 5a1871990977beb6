"""Argument checks shared by all rooms."""

from __future__ import annotations

import dataclasses
import difflib
import functools
import inspect
import operator
import sys
import warnings
from collections.abc import Callable, Mapping
from typing import Any, Never

import numpy as np

from nnaccel import _foreign
from nnaccel._text import escaped, shorten


def unknown_name(kind: str, name: object, choices: list[str] | tuple[str, ...]) -> str:
    """Return the error text for a name that is not among `choices`, with its nearest match."""
    here = _foreign.string_here(name, choices)
    near = difflib.get_close_matches(str(name).lower(), choices, n=1, cutoff=0.5)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    hint = hint if here is None else f" It is called {here!r} here."
    known, given = ", ".join(map(repr, choices)), shorten(repr(name))
    return f"unknown {kind} {given}: choose one of {known}.{hint}"


def fields_of(what: str, kind: type[Any], given: Mapping[Any, Any]) -> Mapping[str, Any]:
    """Return the fields of a dataclass from a dict; ValueError for a name that is none of them."""
    known = [field.name for field in dataclasses.fields(kind)]
    for name in given:
        if name not in known:
            raise ValueError(unknown_name(f"field of a {what}", name, known))
    return given


def whole_number(name: str, value: object, least: int = 1) -> int:
    """Return a whole number of at least `least`; ValueError naming the argument otherwise."""
    try:
        number = operator.index(value)  # type: ignore[arg-type]
    except TypeError:
        number = least - 1
    if isinstance(value, bool) or number < least:
        given = shorten(repr(value))
        raise ValueError(f"{name}={given} must be a whole number of at least {least}")
    return number


def check_range(name: str, value: float, low: float, high: float, open_low: bool = False) -> None:
    """Raise a ValueError unless ``low <= value < high`` (``low < value`` if `open_low`)."""
    try:
        inside = low <= value < high and not (open_low and value == low)
    except TypeError:  # such as a string
        inside = False
    if not inside:
        bound = f"{'above' if open_low else 'at least'} {low}"
        raise ValueError(f"{name}={value!r} must be {bound} and below {high}")


def require_printable(name: object) -> None:
    """Raise an error unless a layer's name is a string without control characters."""
    if not isinstance(name, str):
        raise TypeError(f"a layer's name must be a string, not {name!r}")
    if escaped(name) != name:
        raise ValueError(f"a layer's name must not have control characters: {name!a}")


def refuse_misspelt(kind: type, name: str, switches: tuple[str, ...]) -> None:
    """Raise an AttributeError if an attribute looks like a misspelling of one of `switches`."""
    if name in switches or name.startswith("_") or hasattr(kind, name):
        return
    near = _nearest(name.lower(), switches)
    if near:
        raise AttributeError(
            f"{kind.__name__} has no attribute {name!r}: did you mean {near[0]!r}?"
        )


@functools.lru_cache  # every layer sets the same attributes
def _nearest(name: str, switches: tuple[str, ...]) -> list[str]:
    return difflib.get_close_matches(name, switches, n=1, cutoff=0.8)


def refuse_class(thing: object) -> None:
    """Raise a ValueError for a class where an object of it is wanted."""
    if isinstance(thing, type):
        raise ValueError(f"{thing.__name__} is a class: write {thing.__name__}() with brackets")


def refuse_masked(x: object, what: str) -> None:
    """Raise a ValueError if values of `x` are masked: kernels would not see the mask."""
    if isinstance(x, np.ma.MaskedArray) and np.ma.is_masked(x):
        raise ValueError(
            f"{what} have {int(np.ma.getmaskarray(x).sum())} masked values. To fix: leave those "
            "rows out, or give .filled(value)"
        )


def refuse_unknown(function: Callable[..., Any], unknown: Mapping[str, Any]) -> None:
    """Raise a TypeError if a function was given unknown arguments."""
    if unknown:
        known = [
            p.name
            for p in inspect.signature(function).parameters.values()
            if p.kind is not p.VAR_KEYWORD
        ]
        _foreign.refuse_arguments(function.__name__, unknown, known)


class Explained:
    """Base of classes whose constructors say what an unknown argument is called here."""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "__init__" in vars(cls):
            cls.__init__ = _explaining(vars(cls)["__init__"])  # type: ignore[method-assign]


def _explaining(init: Callable[..., None]) -> Callable[..., None]:
    """Return a constructor that refuses unknown arguments, unless it takes any."""
    parameters = inspect.signature(init).parameters
    if any(p.kind is p.VAR_KEYWORD for p in parameters.values()):
        return init

    taken = [p.name for p in parameters.values() if p.annotation not in (Never, "Never")][1:]

    @functools.wraps(init)
    def explaining(self: object, *args: Any, **given: Any) -> None:
        unknown = [name for name in given if name not in parameters]
        _foreign.refuse_arguments(type(self).__name__, unknown, taken)
        init(self, *args, **given)

    return explaining


def argument_names(kind: type) -> list[str]:
    """Return the names of a constructor's arguments.

    The base class's are included where a constructor takes ``**settings``.
    """
    names: list[str] = []
    for each in kind.__mro__:
        if "__init__" not in vars(each):
            continue
        parameters = list(inspect.signature(vars(each)["__init__"]).parameters.values())[1:]
        names += [p.name for p in parameters if p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)]
        if not any(p.kind is p.VAR_KEYWORD for p in parameters):
            break
    return list(dict.fromkeys(names))


def constructor_arguments(thing: object) -> dict[str, Any]:
    """Return an object's `argument_names` and their values, its attributes of the same names."""
    names = argument_names(type(thing))
    for name in names:
        if not hasattr(thing, name):
            raise TypeError(
                f"{type(thing).__name__} has no attribute for its argument {name!r}. To fix: "
                f"store it as self.{name}, or define config()"
            )
    return {name: getattr(thing, name) for name in names}


def warn_caller(message: str) -> None:
    """Warn at the line outside nnaccel that led here, however deep."""
    frame, depth = sys._getframe(1), 2
    inside = "nnaccel", "contextlib"  # the latter runs our context managers
    while frame.f_back is not None and frame.f_globals.get("__name__", "").startswith(inside):
        frame, depth = frame.f_back, depth + 1
    warnings.warn(message, UserWarning, stacklevel=depth)
