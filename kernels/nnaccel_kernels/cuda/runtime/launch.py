"""Launches kernels on CuPy's current stream, or on NumPy arrays under Numba's simulator.

Numba compiles a kernel and CuPy launches it, which takes a fraction of the time of Numba's launch.
"""

from __future__ import annotations

import logging
import sys
import warnings
from typing import Any

import numpy as np
from numba import config, cuda, typeof

from nnaccel_kernels.cuda.runtime.arguments import flatten, on_device, size_of
from nnaccel_kernels.cuda.runtime.cubin import machine_code
from nnaccel_kernels.cuda.runtime.ptx import entry, ptx_of
from nnaccel_kernels.half import wide

THREADS = 256  # a block; a power of two
MAX_BLOCKS = 65_535  # along the second and third axis of a grid

_log = logging.getLogger("nnaccel")
_functions: dict[tuple[Any, ...], Any] = {}  # by device, kernel and kinds of arguments

config.CUDA_LOW_OCCUPANCY_WARNINGS = 0  # small inputs are no mistake


def launch(kernel: Any, grid: tuple[int, ...], block: tuple[int, ...], *args: Any) -> None:
    """Run a kernel unless its grid is empty."""
    if all(grid):
        run(kernel, grid, block, *args)


def run(kernel: Any, grid: tuple[int, ...], block: tuple[int, ...], *args: Any) -> None:
    """Run a kernel; tests and benchmarks replace this function to inspect launches."""
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
    """Compile a kernel for such arguments and load it; None if Numba has to launch it."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # raised, one would force the slow launch
            types = tuple(map(typeof, map(on_device, args)))
            number = cupy.cuda.Device().compute_capability  # "90" is 9.0; Numba's may be another's
            cc = int(number[:-1]), int(number[-1])
            ptx = ptx_of(kernel, types, cc)
        name, sizes = entry(ptx)
        if sizes != list(map(size_of, numbers)):
            raise TypeError(f"it takes {len(sizes)} numbers, of other sizes than these")
        driver = cupy.cuda.runtime.driverGetVersion()
        module = cupy.cuda.function.Module()
        module.load(machine_code(kernel.py_func.__name__, ptx, cc, driver))
        return module.get_function(name)
    except Exception as error:
        called = kernel.py_func.__name__
        _log.warning("Numba launches kernel %s, which is slower: %s", called, error)
        return None


def named(name: str, function: Any) -> Any:
    """A kernel under the name that compilers and profilers show."""
    function.__name__ = function.__qualname__ = name
    return cuda.jit(function)


def blocks(count: int, size: int) -> int:
    """Number of blocks of `size` items that cover `count` items."""
    return -(-count // size)


def power_of_two(count: int, limit: int) -> int:
    """Least power of two not below `count`, and at most `limit`, a power of two."""
    return min(limit, 1 << max(0, count - 1).bit_length())


def image_grid(y: Any, threads: int, pixels: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Grid and block for y (N, C, H, W), over pixels, channels, images; `pixels` for each thread.

    In channels-last images, neighbouring threads take the channels of one pixel.
    """
    n, c, height, width = y.shape
    size = height * width
    if y.strides[1] == y.itemsize:
        block_channels = power_of_two(c, threads)
        block_pixels = power_of_two(size, threads // block_channels)
    else:
        block_pixels = power_of_two(size, threads)
        block_channels = power_of_two(c, threads // block_pixels)
    channel_blocks = min(blocks(c, block_channels), MAX_BLOCKS)
    grid = blocks(size, block_pixels * pixels), channel_blocks, min(n, MAX_BLOCKS)
    return grid, (block_pixels, block_channels, 1)


def scalar(value: float, like: Any) -> np.floating[Any]:
    """A number in an array's accumulation dtype: a Python float would compute in float64."""
    number: np.floating[Any] = wide(like.dtype).type(value)
    return number
