"""Ops on arrays of any library."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, TypeVar, cast

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

    return cast(Op, call)
