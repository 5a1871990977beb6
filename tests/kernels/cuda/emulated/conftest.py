"""The emulator under the CUDA kernels: launches run on it, and products of cuBLAS in NumPy."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from numba import typeof
from numba.cuda import dispatcher

from benchmarks.gpu.ptx import Toolkit, typed
from nnaccel_kernels.cuda.runtime import blas, launch
from nnaccel_kernels.cuda.runtime.arguments import flatten, size_of
from nnaccel_kernels.cuda.runtime.ptx import entry, ptx_of
from nnaccel_kernels.half import wide

from ..emulator import KernelError
from ..emulator import launch as emulate

CC = 9, 0  # sm_90


@pytest.fixture(scope="session", autouse=True)
def toolkit(tmp_path_factory: pytest.TempPathFactory) -> Toolkit:
    """The compilers of kernels, where Numba looks for them in this process."""
    return Toolkit(tmp_path_factory.mktemp("toolkit"))


@cache
def assert_in_registers(toolkit: Toolkit, ptx: str) -> None:
    """A kernel neither spills registers nor has arrays that are indexed at run time."""
    taken = toolkit.report(ptx, "sm_90")
    assert taken["spilled"] == taken["local"] == 0


class Launches(list[str]):
    """PTX of the kernels that a test has launched; `rewrite` may change it first."""

    rewrite: Callable[[str], str] = str


@pytest.fixture(autouse=True)
def launches(monkeypatch: pytest.MonkeyPatch, toolkit: Toolkit) -> Launches:
    """Let the emulator run what a test launches."""
    launched = Launches()

    def run(kernel: Any, grid: tuple[int, ...], block: tuple[int, ...], *args: Any) -> None:
        numbers, name = list[Any](), kernel.py_func.__name__
        flatten(args, numbers, [])
        ptx = ptx_of(kernel, tuple(typeof(typed(arg)) for arg in args), CC)
        assert entry(ptx)[1] == list(map(size_of, numbers)), "as the driver would take them"
        assert_in_registers(toolkit, ptx)
        launched.append(launched.rewrite(ptx))
        try:
            emulate(launched[-1], grid, block, numbers, arrays_in(args))
        except KernelError as error:
            raise KernelError(f"{name} {grid} {block}: {error}") from None

    # Numba compiles device functions for the current device.
    device = SimpleNamespace(compute_capability=CC)
    monkeypatch.setattr(dispatcher, "get_current_device", lambda: device)
    monkeypatch.setattr(launch, "run", run)
    monkeypatch.setattr(blas, "_multiply", multiply)
    return launched


def arrays_in(value: Any) -> Iterator[np.ndarray]:
    """All arrays of a tuple of arguments."""
    if isinstance(value, tuple):
        for item in value:
            yield from arrays_in(item)
    elif isinstance(value, np.ndarray):
        yield value


def multiply(a: np.ndarray, b: np.ndarray, out: np.ndarray, add: bool) -> None:
    """What cuBLAS computes, in the accumulation dtype."""
    dtype = wide(a.dtype)
    product = a.astype(dtype) @ b.astype(dtype)
    out[...] = product + out.astype(dtype) if add else product


def images(rng: np.random.Generator, *shape: int, dtype: Any, channels_last: bool) -> np.ndarray:
    """Draw images in an order of memory."""
    a = rng.standard_normal(shape).astype(dtype)
    if channels_last:
        return np.ascontiguousarray(a.transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2)
    return a
