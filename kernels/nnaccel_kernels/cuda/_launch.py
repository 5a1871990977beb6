"""Starting kernels: on CuPy's current stream, or on NumPy arrays under Numba's simulator."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
from numba import config, cuda

THREADS = 256  # of a block, a power of two
_MAX_BLOCKS = 65_535  # down the second and third axis of a grid

config.CUDA_LOW_OCCUPANCY_WARNINGS = 0  # one small image is no mistake


def launch(kernel: Any, grid: tuple[int, ...], block: tuple[int, ...], *args: Any) -> None:
    """Run a kernel unless its grid is empty."""
    if all(grid):
        run(kernel, grid, block, *args)


def run(kernel: Any, grid: tuple[int, ...], block: tuple[int, ...], *args: Any) -> None:
    """Run a kernel; replaced where launches are to be looked at instead."""
    kernel[grid, block, _stream()](*map(_on_device, args))


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


def spread(y: Any, threads: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Grid and block for a thread per element of y (N, C, H, W): pixels, channels, images.

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
    grid = blocks(pixels, across), min(blocks(c, down), _MAX_BLOCKS), min(n, _MAX_BLOCKS)
    return grid, (across, down, 1)


def _on_device(value: Any) -> Any:
    """CuPy arrays as Numba's, without the wait for their stream that Numba would add."""
    if type(value) is tuple:
        return tuple(map(_on_device, value))
    if hasattr(value, "__cuda_array_interface__"):
        return cuda.as_cuda_array(value, sync=False)
    if isinstance(value, np.ndarray) and config.ENABLE_CUDASIM:
        return _simulated(value)
    return value


def _simulated(array: np.ndarray) -> Any:
    """An array the simulator works on in place; it would copy others, contiguous ones alone."""
    from numba.cuda.simulator.cudadrv.devicearray import FakeCUDAArray

    return FakeCUDAArray(array)


def _stream() -> Any:
    cupy = sys.modules.get("cupy")
    if cupy is None or config.ENABLE_CUDASIM:
        return 0
    return cuda.external_stream(cupy.cuda.get_current_stream().ptr)


def scalar(value: float, like: Any) -> np.floating[Any]:
    """A number in the dtype of an array: a Python float would make all arithmetic float64."""
    number: np.floating[Any] = like.dtype.type(value)
    return number
