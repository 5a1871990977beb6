"""Argument checks shared by all rooms."""

from __future__ import annotations

import difflib
import functools
import inspect
import operator
from typing import Any

import numpy as np

from nnaccel._text import escaped


def unknown_name(kind: str, name: object, choices: list[str] | tuple[str, ...]) -> str:
    """Return the error text for a name that is not among `choices`, with its nearest match."""
    near = difflib.get_close_matches(str(name).lower(), choices, n=1, cutoff=0.5)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    return f"unknown {kind} {name!r}: choose one of {', '.join(map(repr, choices))}.{hint}"


def whole_number(name: str, value: object, least: int = 1) -> int:
    """Return a whole number of at least `least`; ValueError naming the argument otherwise."""
    try:
        number = operator.index(value)  # type: ignore[arg-type]
    except TypeError:
        number = least - 1
    if isinstance(value, bool) or number < least:
        raise ValueError(f"{name}={value!r} must be a whole number of at least {least}")
    return number


def check_range(name: str, value: float, low: float, high: float, open_low: bool = False) -> None:
    """Raise a ValueError unless ``low <= value < high`` (``low < value`` if `open_low`)."""
    if not low <= value < high or (open_low and value == low):
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


def refuse_masked(x: object, what: str) -> None:
    """Raise a ValueError if values of `x` are masked: kernels would not see the mask."""
    if isinstance(x, np.ma.MaskedArray) and np.ma.is_masked(x):
        raise ValueError(
            f"{what} have {int(np.ma.getmaskarray(x).sum())} masked values. To fix: leave those "
            "rows out, or give .filled(value)"
        )


def constructor_arguments(thing: object) -> dict[str, Any]:
    """Return an object's constructor arguments, read from its attributes of the same names.

    The base class's arguments are included where a constructor takes ``**settings``.
    """
    found: dict[str, Any] = {}
    for kind in type(thing).__mro__:
        if "__init__" not in vars(kind):
            continue
        parameters = list(inspect.signature(vars(kind)["__init__"]).parameters.values())[1:]
        named = [p.name for p in parameters if p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)]
        for name in named:
            if not hasattr(thing, name):
                raise TypeError(
                    f"{type(thing).__name__} has no attribute for its argument {name!r}. To fix: "
                    f"store it as self.{name}, or define config()"
                )
            found.setdefault(name, getattr(thing, name))
        if not any(p.kind is p.VAR_KEYWORD for p in parameters):
            break
    return found
