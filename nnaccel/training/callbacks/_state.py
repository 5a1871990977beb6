"""Values of a callback's state, as a file has them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nnaccel._text import shorten
from nnaccel.training.checkpoint import read_count


def number(state: Mapping[str, Any], name: str) -> float | None:
    """Return a number, or None; ValueError for anything else."""
    value = state[name]
    if value is not None and (isinstance(value, bool) or not isinstance(value, int | float)):
        raise ValueError(f"{name}={shorten(repr(value))} must be a number, or null")
    return value


def count_or_none(state: Mapping[str, Any], name: str) -> int | None:
    """Return a whole number of at least 0, or None; ValueError for anything else."""
    return None if state[name] is None else read_count(state, name)
