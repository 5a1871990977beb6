"""Ops on arrays of any library."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping
from typing import Any, TypeVar, cast

from nnaccel._validate import refuse_unknown
from nnaccel.backends import OtherLibraryError, call_on_views

Op = TypeVar("Op", bound=Callable[..., Any])


def of_any_library(op: Op) -> Op:
    """Let an op take arrays of any library, and give the caller's own kind back."""

    @functools.wraps(op)
    def call(*args: Any, **kwargs: Any) -> Any:
        try:
            return op(*args, **kwargs)
        except OtherLibraryError as error:
            return call_on_views(op, args, kwargs, error)
        except TypeError:
            if not (unknown := unknown_to(op, kwargs)):
                raise
        return refuse_unknown(op, unknown)

    return cast(Op, call)


def unknown_to(op: Callable[..., Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the keyword arguments that an op does not take."""
    known = inspect.signature(op).parameters
    return {name: value for name, value in given.items() if name not in known}
