"""Checks of arguments that every room shares, and what their errors say."""

from __future__ import annotations

import difflib
import operator


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
