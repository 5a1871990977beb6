"""Starting kernels: on CuPy's current stream, or on NumPy arrays under Numba's simulator.

Numba compiles and CuPy launches, which takes a fraction of the time that Numba's launches take.
"""

from __future__ import annotations

import logging
import sys
import warnings
from typing import Any

import numpy as np
from numba import config, cuda, typeof

from nnaccel_kernels.cuda.runtime.arguments import flatten, on_device, size_of
from nnaccel_kernels.cuda.runtime.ptx import entry, ptx_of
from nnaccel_kernels.half import wide

THREADS = 256  # of a block, a power of two
MAX_BLOCKS = 65_535  # down the second and third axis of a grid

_log = logging.getLogger("nnaccel")
_functions: dict[tuple[Any, ...], Any] = {}  # by device, kernel and kinds of arguments

config.CUDA_LOW_OCCUPANCY_WARNINGS = 0  # one small image is no mistake


def launch(kernel: Any, grid: tuple[int, ...], block: tuple[int, ...], *args: Any) -> None:
    """Run a kernel unless its grid is empty."""
    if all(grid):
        run(kernel, grid, block, *args)


def run(kernel: Any, grid: tuple[int, ...], block: tuple[int, ...], *args: Any) -> None:
    """Run a kernel; replaced where launches are to be looked at instead."""
    if config.ENABLE_CUDASIM:
        kernel[grid, block](*map(on_device, args))
        return
    cupy, numbers, kinds = sys.modules["cupy"], list[Any](), [kernel]
    flatten(args, numbers, kinds)
    key = cupy.cuda.runtime.getDevice(), *kinds
    if key not in _functions:
        _functions[key] = _load(cupy, kernel, args, numbers)
    function = _functions[key]
    if function is not None:
        function(grid, block, numbers)
    else:
        stream = cuda.external_stream(cupy.cuda.get_current_stream().ptr)
        kernel[grid, block, stream](*map(on_device, args))


def _load(cupy: Any, kernel: Any, args: tuple[Any, ...], numbers: list[Any]) -> Any:
    """Compile a kernel for arguments like these and load it; None if Numba has to launch it."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of what compiles: a warning is no reason to be slow
            types = tuple(map(typeof, map(on_device, args)))
            ptx = ptx_of(kernel, types, cuda.get_current_device().compute_capability)
        name, sizes = entry(ptx)
        if sizes != list(map(size_of, numbers)):
            raise TypeError(f"it takes {len(sizes)} numbers, of other sizes than these")
        module = cupy.cuda.function.Module()
        module.load(ptx.encode())
        return module.get_function(name)
    except Exception as error:
        called = kernel.py_func.__name__
        _log.warning("Numba launches kernel %s, which is slower: %s", called, error)
        return None


def named(name: str, function: Any) -> Any:
    """A kernel that compilers and profilers call by that name."""
    function.__name__ = function.__qualname__ = name
    return cuda.jit(function)


def blocks(count: int, size: int) -> int:
    """How many blocks of that size cover `count` items."""
    return -(-count // size)


def power_of_two(count: int, limit: int) -> int:
    """The least power of two not below `count`, or `limit`, itself one, if that is less."""
    return min(limit, 1 << max(0, count - 1).bit_length())


def spread(y: Any, threads: int, each: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Grid and block for y (N, C, H, W): pixels, channels, images, with `each` pixels to a thread.

    Neighbouring threads share a pixel's channels where those are neighbours in memory.
    """
    n, c, height, width = y.shape
    pixels = height * width
    if y.strides[1] == y.itemsize:
        down = power_of_two(c, threads)
        across = power_of_two(pixels, threads // down)
    else:
        across = power_of_two(pixels, threads)
        down = power_of_two(c, threads // across)
    images = min(n, MAX_BLOCKS)
    grid = blocks(pixels, across * each), min(blocks(c, down), MAX_BLOCKS), images
    return grid, (across, down, 1)


def scalar(value: float, like: Any) -> np.floating[Any]:
    """A number as an array's are computed: a Python float would make all arithmetic float64."""
    number: np.floating[Any] = wide(like.dtype).type(value)
    return number
