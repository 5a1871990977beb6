"""Kernels: loop nests that Numba compiles, and that run at once or are noted on a tape.

A kernel is a plain loop nest `f(rank, size, *arrays_and_integers)`: thread `rank` of `size` does
its share and writes only its own part of the output, so that no result depends on how many threads
there are.
"""

from __future__ import annotations

import functools
import logging
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from numba import from_dtype, types

from nnaccel_kernels import say_compiled
from nnaccel_kernels.cpu.runtime.jit import njit
from nnaccel_kernels.cpu.runtime.tape import Argument, Tape, local
from nnaccel_kernels.disk_cache import disk_cache

_log = logging.getLogger("nnaccel")


class Kernel:
    """A loop nest compiled once for each combination of argument types, and cached on disk."""

    def __init__(self, function: Callable[..., None]) -> None:
        self.name = function.__name__.strip("_")
        self.function = function
        self._dispatcher = njit(
            nogil=True, cache=True, error_model="numpy", no_cpython_wrapper=True
        )(function)
        self._addresses: dict[tuple[Any, ...], int] = {}

    def __call__(self, *args: Argument, width: int = 1) -> None:
        """Run on up to `width` threads now, or note the launch on the tape being recorded."""
        tape = getattr(local, "tape", None)
        if tape is not None:
            tape.append(self, args, width)
            return
        tape = Tape()
        tape.append(self, args, width)
        tape.replay()

    def address(self, args: tuple[Argument, ...]) -> int:
        """Where the machine code for arguments like `args` begins, compiled if it has to be."""
        key = tuple((a.dtype.char, a.ndim) if isinstance(a, np.ndarray) else type(a) for a in args)
        if key not in self._addresses:
            self._addresses[key] = self._compile(args)
        return self._addresses[key]

    def _compile(self, args: tuple[Argument, ...]) -> int:
        """Compile for arguments like `args`, or load from the cache, and return the address."""
        signature = (types.int64, types.int64, *map(_numba_type, args))
        start = time.perf_counter()
        self._dispatcher.compile(signature)
        if self._dispatcher.stats.cache_misses.get(signature):
            _say_once()
            seconds = time.perf_counter() - start
            _log.debug("compiled %s in %.1f s", self.name, seconds)
            say_compiled(self.name, seconds)
        compiled = self._dispatcher.overloads[signature]
        address: int = compiled.library.get_pointer_to_function(compiled.fndesc.llvm_func_name)
        return address


kernel = Kernel


@functools.cache
def _say_once() -> None:
    """Say, at the first kernel, what the first training on a machine spends its time with."""
    cache = disk_cache()
    if cache.folder:
        _log.info("compiling kernels: once, then they are kept in %s", cache.root)
    else:
        _log.info("compiling kernels, in each process anew: %s", cache.problem)


def _numba_type(arg: Argument) -> Any:
    if isinstance(arg, np.ndarray):
        return types.Array(from_dtype(arg.dtype), arg.ndim, "C")
    if isinstance(arg, tuple):
        return types.NamedUniTuple(types.int64, len(arg), type(arg))
    return types.int64
