"""Calls of kernels noted on a tape, to be repeated without the Python that led to them."""

from __future__ import annotations

import contextlib
import functools
import threading
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from nnaccel_kernels.torch.array import Array
from nnaccel_kernels.torch.dtypes import from_numpy

Row = Callable[[], object]

_local = threading.local()  # the tape that each thread records


def recording() -> bool:
    """Whether kernels called by this thread are noted instead of run."""
    return getattr(_local, "rows", None) is not None


def host(function: Row) -> None:
    """Call a function of no arguments now, or at every replay of the tape being recorded."""
    if recording():
        _local.rows.append(function)
    else:
        function()


@contextlib.contextmanager
def record() -> Iterator[list[Row]]:
    """Note what kernels are called, and what `host` is given, in the order of its rows."""
    outer = getattr(_local, "rows", None)
    _local.rows = rows = list[Row]()
    try:
        yield rows
    finally:
        _local.rows = outer


def on_arrays(kernel: Callable[..., None]) -> Callable[..., None]:
    """Kernel that takes arrays where the given one takes tensors, and can be recorded."""

    @functools.wraps(kernel)
    def call(*args: Any, **kwargs: Any) -> None:
        given = {name: _tensor(value) for name, value in kwargs.items()}
        host(functools.partial(kernel, *map(_tensor, args), **given))

    return call


def _tensor(value: Any) -> Any:
    if isinstance(value, Array):
        return value.tensor
    if isinstance(value, np.ndarray) and value.dtype != np.uint64:  # a key stays on the host
        return from_numpy(value)
    return value
