"""What tells two compiled functions of the same sources apart: their code, and what they hold."""

from __future__ import annotations

from collections.abc import Iterator
from types import CodeType
from typing import Any


def fingerprint(function: Any) -> Iterator[str]:
    """Yield what a function is made of: where it is from, its code, and all that it closes over."""
    yield f"{function.__module__}.{function.__qualname__}"
    yield from _code(function.__code__)
    for cell in function.__closure__ or ():
        yield from _held(cell.cell_contents)


def _code(code: CodeType) -> Iterator[str]:
    yield f"{code.co_name} {code.co_code.hex()} {code.co_names}"
    for constant in code.co_consts:
        yield from _code(constant) if isinstance(constant, CodeType) else [repr(constant)]


def _held(value: Any) -> Iterator[str]:
    written = getattr(value, "py_func", getattr(value, "_defn", None))  # jitted, or an intrinsic
    if written is not None:
        yield from fingerprint(written)
    elif isinstance(value, tuple):
        for each in value:
            yield from _held(each)
    else:
        yield repr(value)
